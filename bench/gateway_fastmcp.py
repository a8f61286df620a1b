"""FastMCP in front of what an OpenAPI document describes; `python -m bench.gateway_fastmcp UPSTREAM PORT DOCUMENT`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx2
import uvicorn
from fastmcp import FastMCP

_POOL = httpx2.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=30)


def create_gateway(upstream: str, token: str, document: Path) -> FastMCP:
    """The gateway: one tool for each operation of the document."""
    headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
    client = httpx2.AsyncClient(base_url=upstream, headers=headers, limits=_POOL, timeout=30)
    return FastMCP.from_openapi(json.loads(document.read_text()), client)


if __name__ == "__main__":
    gateway = create_gateway(sys.argv[1], os.environ["QOVERY_API_KEY"], Path(sys.argv[3]))
    app = gateway.http_app(json_response=True, stateless_http=True)
    uvicorn.run(app, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
