"""Runs a Containerfile's command and health check as they stand, and asks the gateway over REST and MCP."""
# ruff: noqa: S310, S603, T201

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

VERSION = "2026-07-28"


def instruction(text: str, name: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    found = re.search(rf"^{name}.*?(\[.*\])$", text.replace("\\\n", ""), re.MULTILINE)
    assert found, f"the Containerfile has no {name}"
    return json.loads(found[1])


def ask(url: str, body: object = None, **headers: str) -> object:
    """The JSON that a URL answers to the token of this server."""
    sent = {"authorization": f"Bearer {os.environ['FAIRLEAD_API_TOKEN']}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=20) as answer:
        return json.load(answer)


def main() -> None:
    """Fail with an AssertionError, or an error of the request that failed."""
    text = Path(sys.argv[1]).read_text()
    uid = int(re.search(r"^USER (\d+):\d+$", text, re.MULTILINE)[1])
    assert os.getuid() == uid, f"the image's user is {uid}"
    assert not os.access("/", os.W_OK)
    assert not os.access(sys.prefix, os.W_OK)
    command = [*instruction(text, "ENTRYPOINT"), *instruction(text, "CMD"), "--sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            call = next(line for line in process.stdout if "curl" in line)
            subprocess.run(instruction(text, "HEALTHCHECK"), check=True, timeout=10)
            assert len(ask(re.search(r"'(http[^']+)'", call)[1])["events"]) == 5
            meta = {
                "io.modelcontextprotocol/protocolVersion": VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            listing = ask(
                "http://127.0.0.1:9090/mcp",
                {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}},
                content_type="application/json",
                accept="application/json, text/event-stream",
                mcp_protocol_version=VERSION,
                mcp_method="tools/list",
            )
            assert len(listing["result"]["tools"]) == 2
        finally:
            process.terminate()
    assert process.returncode == 0, f"SIGTERM ended it with {process.returncode}"
    assert subprocess.run(instruction(text, "HEALTHCHECK"), check=False, stderr=subprocess.DEVNULL).returncode != 0
    print("The image's command serves REST and MCP: read-only, not root, without a network.")


if __name__ == "__main__":
    main()
