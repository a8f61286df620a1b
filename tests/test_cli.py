"""The command line: help, exit codes, and one clear line for whatever goes wrong."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

import serving
from command import environment, fairlead
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN
from golden_files import assert_golden
from stand_in import stand_in

CALL = ("call", "getorganizationevents", f"organizationId={DEMO_ORGANIZATION_ID}")


@contextmanager
def started(*arguments: str, env: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A serving command and what it printed until it said how to try it; ended on exit."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"PYTHONUNBUFFERED": "1"} | (env or {})),
    )
    with process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "curl" in line:
                    break
            yield process, "".join(lines)
        finally:
            process.kill()


@pytest.mark.parametrize("command", ["", "serve", "check", "explain", "call", "openapi", "mcp", "sandbox"])
def test_help_shows_examples(command: str) -> None:
    """Every command's help is a golden file and has an example."""
    done = fairlead(*command.split(), "--help")
    assert done.code == 0
    assert "Example" in done.out or command == ""
    assert_golden(f"help{'-' if command else ''}{command}.txt", done.out)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("srve",), 2, ["There is no command `srve`", "did you mean `serve`"]),
        (("serve", "--rest-prt", "1"), 2, ["--rest-prt", "--rest-port"]),
        (("serve", "--rest-port", "80800"), 2, ["80800"]),
        (("serve",), 4, ["QOVERY_API_KEY is not set", "export QOVERY_API_KEY=…", "--sandbox"]),
        (("serve", "nowhere.yaml"), 3, ["nowhere.yaml:1:1 unreadable-file", "No such file"]),
        (("serve", "--pin", "organisationId=x"), 4, ["did you mean `organizationId`"]),
        (("serve", "--pin", "x"), 2, ["`x` is not NAME=VALUE"]),
        (("serve", "--sandbox", "--upstream", "http://127.0.0.1:1"), 2, ["exclude each other"]),
        (("serve", "--sandbox", "--host", "0.0.0.0"), 4, ["FAIRLEAD_API_TOKEN", "--insecure"]),
        (("serve", "--sandbox", "--insecure", "--host", "no.such.host.example"), 5, ["no address to serve on"]),
        (("serve", "--overlay", "nowhere.yaml"), 3, ["nowhere.yaml:1:1 unreadable-file"]),
        (("call", "getorganizationevent"), 2, ["did you mean `getorganizationevents`"]),
        (("call", "getorganizationevents", "pageSize"), 2, ["not NAME=VALUE"]),
        (
            ("call", "getorganizationevents", "--sandbox", "pageSize=x", "orgid=1"),
            1,
            ["`orgid` is not", "`pageSize` must be"],
        ),
        (("call", "getorganizationevents", "--sandbox"), 1, ["`organizationId` is required"]),
        (("call", "getorganizationevents", "--sandbox", f"organizationId={DEMO_ORGANIZATION_ID[:-1]}0"), 1, ["404"]),
        ((*CALL, "--upstream", "ftp://x"), 4, ["--upstream https://"]),
        ((*CALL, "--upstream", "http://user:pw@127.0.0.1:1"), 4, ["user name or password"]),
        ((*CALL, "--upstream", "http://127.0.0.1:1"), 1, ["cannot be reached"]),
    ],
)
def test_a_mistake_gets_one_clear_line_and_its_exit_code(
    arguments: tuple[str, ...], code: int, words: list[str]
) -> None:
    """The line says what is wrong and what to type next; nobody sees a traceback."""
    env = {"QOVERY_API_KEY": "qov_x"} if "--upstream" in arguments and "--sandbox" not in arguments else {}
    done = fairlead(*arguments, env=env)
    assert done.code == code, done.err
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("FAIRLEAD_TOTAL_TIMEOUT", "soon"), ("FAIRLEAD_MAX_RESPONSE_BYTES", "-1"), ("FAIRLEAD_CONNECT_TIMEOUT", "nan")],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    """Exit status 4, with the variable and its value."""
    done = fairlead("serve", "--sandbox", env={name: value})
    assert (done.code, done.err) == (4, f"fairlead: {name} must be a positive number, not '{value}'.\n")


def test_a_port_in_use_is_told_with_the_flag_that_helps() -> None:
    """Exit status 5."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = fairlead("serve", "--sandbox", "--rest-port", str(port))
    assert done.code == 5
    assert f"Port {port} on 127.0.0.1 is in use." in done.err
    assert "--rest-port" in done.err


def test_serving_prints_what_to_paste_and_drains_on_sigterm() -> None:
    """The addresses and one curl line that works; SIGTERM ends it with status 0."""
    with started("serve", "--sandbox", "--rest-port", "0", "--mcp-port", "0", "--sandbox-port", "0") as (process, text):
        url = text.rpartition("curl '")[2].partition("'")[0]
        assert len(httpx2.get(url).json()["events"]) == 5
        assert "http://127.0.0.1" in text
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        out = process.stdout.read()
        assert process.wait(timeout=20) == 0
    configurations = out.replace("An MCP client over stdio", "").split("An MCP client over HTTP")[1]
    first, second = json.JSONDecoder().raw_decode(configurations.strip())
    assert list(first["mcpServers"]) == ["qovery-organization-event"]
    stdio = json.loads(configurations.strip()[second:])
    assert stdio["mcpServers"]["qovery-organization-event"]["args"][-2:] == ["mcp", "--sandbox"]


def test_a_call_in_flight_is_answered_before_the_server_ends() -> None:
    """SIGTERM closes the door behind what is already inside."""
    with stand_in(gate=True) as up:
        flags = ("--upstream", up.url, "--rest-port", "0", "--mcp-port", "0")
        with started("serve", *flags, env={"QOVERY_API_KEY": "qov_x"}) as (process, text):
            base = text.partition("REST       ")[2].split()[0]
            with httpx2.stream("GET", f"{base}/healthz") as ready:
                assert ready.status_code == 200
            connection = socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])))
            with connection:
                connection.sendall(
                    f"GET /v1/organization/{DEMO_ORGANIZATION_ID}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                )
                up.arrived.wait(timeout=10)
                process.send_signal(signal.SIGTERM)
                assert process.stderr is not None
                assert "Finishing the calls in flight" in process.stderr.readline()
                up.opened.set()
                assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
            assert process.wait(timeout=20) == 0


def test_call_prints_the_upstreams_bytes() -> None:
    """Piped, the output is what the upstream sent; nothing is added, not even a line break."""
    with stand_in(body=b'{"events": [ ] ,"n":1.50}') as up:
        done = fairlead(*CALL, "--upstream", up.url, env={"QOVERY_API_KEY": "qov_x"})
    assert (done.code, done.out, done.err) == (0, '{"events": [ ] ,"n":1.50}', "")


def test_call_on_a_terminal_shows_hostile_text_escaped() -> None:
    """What would move the cursor, colour the screen or reverse the line is shown, not obeyed."""
    body = json.dumps({"events": [{"target_name": "\u009b31m \u202e evil"}]}, ensure_ascii=False).encode()
    with stand_in(body=body) as up:
        main, terminal = pty.openpty()
        command = [sys.executable, "-m", "fairlead", *CALL, "--upstream", up.url]
        with subprocess.Popen(command, stdout=terminal, env=environment({"QOVERY_API_KEY": "qov_x"})) as process:
            process.wait(timeout=30)
        os.close(terminal)
        shown = b""
        while select.select([main], [], [], 0)[0]:
            try:
                shown += os.read(main, 65_536)
            except OSError:  # how Linux says that a terminal has no more
                break
        os.close(main)
    text = shown.decode()
    assert "\\u009b31m \\u202e evil" in text
    assert "\u009b" not in text
    assert "\u202e" not in text


def test_offline_prints_the_request_and_sends_nothing() -> None:
    """The secret is masked, the scheme is shown: a `qov_` token goes as Token, a JWT as Bearer."""
    with stand_in() as up:
        for token, scheme in (("qov_abc", "Token"), ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", "Bearer")):
            done = fairlead(*CALL, "triggeredBy=a b", "--offline", "--upstream", up.url, env={"QOVERY_API_KEY": token})
            assert done.out == (
                f"GET {up.url}/organization/{DEMO_ORGANIZATION_ID}/events?triggeredBy=a%20b\n"
                f"Accept: application/json\nAuthorization: {scheme} ***\n"
            )
            assert done.err == ""
    assert up.asked == []


def test_offline_needs_no_key() -> None:
    """Nothing is sent, so nothing is refused; a line says that the key is missing."""
    done = fairlead(*CALL, "--offline")
    assert done.code == 0
    assert "QOVERY_API_KEY is not set" in done.err


def test_output_into_a_closed_pipe_is_no_traceback() -> None:
    """`fairlead explain | head -1`."""
    shell = f"{sys.executable} -m fairlead explain | head -1"
    done = subprocess.run(
        ["sh", "-c", shell], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert done.stderr == ""


def test_version_is_the_packages() -> None:
    """For bug reports."""
    assert fairlead("--version").out.startswith("fairlead 0.")


def test_colours_are_for_terminals_only() -> None:
    """Redirected output has no escape sequences."""
    for arguments in (("explain",), ("check",), ("serve", "nowhere.yaml")):
        done = fairlead(*arguments)
        assert "\x1b" not in done.out + done.err


def test_several_documents_and_folders_are_served_at_once(seed: Path, tmp_path: Path) -> None:
    """Every YAML file below a folder, overlays aside; what two claim is prefixed."""
    overlay = seed.with_name(f"{seed.stem}.overlay.yaml")
    for name in ("one.yaml", "one.overlay.yaml", "two.yml", "two.overlay.yml"):
        (tmp_path / name).write_bytes((overlay if "overlay" in name else seed).read_bytes())
    done = fairlead("check", tmp_path)
    assert done.out.startswith("2 documents can run: 4 operations")
    with serving.gateway(tmp_path) as running:
        prefixed = f"{running.rest_url}/qovery-organization-event/v1/organization/{DEMO_ORGANIZATION_ID}/targets"
        assert httpx2.get(prefixed).status_code == 200


def test_the_sandbox_command_prints_what_to_try() -> None:
    """Its organization, its tokens, and the same events for the same seed."""
    with started("sandbox", "--port", "0", "--events", "10000000", "--now", "1795000000") as (_process, text):
        assert DEMO_ORGANIZATION_ID in text
        assert DEMO_TOKEN in text
        url = text.rpartition("curl -H")[2].split("'")[3]
        answer = httpx2.get(url, headers={"Authorization": f"Token {DEMO_TOKEN}"})
    assert len(answer.json()["events"]) == 5
