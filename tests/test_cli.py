"""The command line: help, exit codes, and one clear line for whatever goes wrong."""

from __future__ import annotations

import dataclasses
import html
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
from fairlead.cli.sandbox import sandbox
from fairlead.errors import FairleadError
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions
from golden_files import assert_golden
from stand_in import stand_in

FREE = ("--rest-port", "0", "--mcp-port", "0", "--sandbox-port", "0")
PING = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n'
CALL = ("call", "getorganizationevents", f"organizationId={DEMO_ORGANIZATION_ID}")


OUTPUT_IS_FULL = "fairlead: the output cannot be written: No space left on device.\n"
TWO_UPSTREAMS = """\
naftiko: 1.0.0-alpha2
info: {label: Two, description: Two upstreams}
binds:
- {namespace: env, keys: {a: KEY_A, b: KEY_B}}
capability:
  consumes:
  - type: http
    namespace: a
    baseUri: https://a.example
    authentication: {type: bearer, token: "{{env.a}}"}
    resources:
    - {name: things, path: /things, operations: [{name: list, method: GET}]}
  - type: http
    namespace: b
    baseUri: https://b.example
    authentication: {type: bearer, token: "{{env.b}}"}
    resources:
    - {name: things, path: /things, operations: [{name: list, method: GET}]}
  exposes:
  - type: rest
    namespace: rest
    resources:
    - {path: /things, name: things, operations: [{method: GET, name: list, call: %s}]}
"""


@contextmanager
def started(*arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A serving command and what it printed until it said how to try it; ended on exit."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead", *map(str, arguments)],
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


@pytest.mark.parametrize(
    "command", ["", "serve", "check", "explain", "call", "openapi", "mcp", "import", "enrich", "export", "sandbox"]
)
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
        (("serve", "--sandbox", "--insecure", "--host", "a..b"), 5, ["`a..b` is no address to serve on"]),
        (("serve", "--sandbox", "--insecure", "--host", "192.0.2.1"), 5, ["no address of this machine. Try `--host"]),
        (("serve", "--sandbox", "--host", "127.example.com"), 4, ["FAIRLEAD_API_TOKEN", "--insecure"]),
        (("check", ""), 2, ["an empty name is no document"]),
        (("check", "x" * 5_000), 1, ["unreadable-file", "name too long"]),
        ((*CALL, "--upstream", ""), 4, ["no address", "--upstream https://"]),
        ((*CALL, "--upstream", "http://ex ample"), 4, ["`http://ex ample` is no address"]),
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
    [
        ("FAIRLEAD_TOTAL_TIMEOUT", "soon"),
        ("FAIRLEAD_MAX_RESPONSE_BYTES", "-1"),
        ("FAIRLEAD_MAX_REQUEST_BYTES", "1.5"),
        ("FAIRLEAD_CONNECT_TIMEOUT", "nan"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    """Exit status 4, with the variable and its value."""
    done = fairlead("serve", "--sandbox", env={name: value})
    kind = "whole number above 0" if "BYTES" in name else "positive number"
    assert (done.code, done.err) == (4, f"fairlead: {name} must be a {kind}, not '{value}'.\n")


def test_a_token_of_blanks_is_refused() -> None:
    """Whoever set it meant to ask for a token; serving without one would be the opposite."""
    done = fairlead("serve", "--sandbox", env={"FAIRLEAD_API_TOKEN": " "})
    assert done.code == 4
    assert "FAIRLEAD_API_TOKEN holds nothing but blanks." in done.err


@pytest.mark.parametrize(
    "address", ["ftp://me:hunter2@h", "http://me:hunter2{x@h", "me:hunter2@h", "http://h/?k=hunter2"]
)
def test_a_refused_address_shows_no_password(address: str) -> None:
    """What a person typed by mistake does not end in a log."""
    done = fairlead(*CALL, "--upstream", address, env={"QOVERY_API_KEY": "qov_x"})
    assert done.code == 4
    assert "no address" in done.err
    assert "hunter2" not in done.err


def test_a_port_in_use_is_told_with_the_flag_that_helps() -> None:
    """Exit status 5."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = fairlead("serve", "--sandbox", "--rest-port", str(port))
    assert done.code == 5
    assert f"Port {port} on 127.0.0.1 is in use." in done.err
    assert "--rest-port" in done.err


def test_two_servers_cannot_claim_one_port() -> None:
    """Whatever the banner promises is served."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    done = fairlead("serve", "--sandbox", "--sandbox-port", "0", "--rest-port", port, "--mcp-port", port)
    assert (done.code, done.out) == (5, "")
    assert f"Port {port} on 127.0.0.1 is in use." in done.err
    assert "`--mcp-port 0`" in done.err


def test_the_sandbox_names_its_own_flag_for_another_port() -> None:
    """`--sandbox-port` belongs to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = fairlead("sandbox", "--port", str(taken.getsockname()[1]))
    assert done.code == 5
    assert "`--port 0`" in done.err


def test_serving_on_the_ipv6_loopback_takes_brackets() -> None:
    """As they stand in a URL."""
    with started("serve", "--sandbox", "--host", "[::1]", *FREE) as (_process, text):
        url = text.rpartition("curl '")[2].partition("'")[0]
        assert url.startswith("http://[::1]:")
        assert len(httpx2.get(url).json()["events"]) == 5


def test_the_first_line_to_try_works_with_pins() -> None:
    """A pinned argument is in the path where it stands there, and not offered where it does not."""
    pins = ("--pin", f"organizationId={DEMO_ORGANIZATION_ID}", "--pin", "pageSize=3")
    with started("serve", "--sandbox", *pins, *FREE) as (_process, text):
        url = text.rpartition("curl '")[2].partition("'")[0]
        assert len(httpx2.get(url).json()["events"]) == 3


def test_page_and_banner_show_the_same_stdio_configuration(seed: Path) -> None:
    """Pasted from either, it serves what this server serves."""
    with started("serve", seed, "--sandbox", "--pin", "pageSize=3", *FREE) as (process, text):
        page = html.unescape(httpx2.get(text.partition("REST       ")[2].split()[0] + "/").text)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        shown = process.stdout.read().partition("An MCP client over stdio")[2].strip()
    configuration = json.loads(shown)
    (entry,) = configuration["mcpServers"].values()
    assert entry["args"][-5:] == ["mcp", "--sandbox", str(seed), "--pin", "pageSize=3"]
    assert json.dumps(configuration, indent=2) in page


def test_a_page_for_strangers_names_no_folder_of_this_machine(seed: Path) -> None:
    """Beyond loopback the command is shown as a person elsewhere would type it."""
    with started("serve", seed, "--sandbox", "--insecure", "--host", "0.0.0.0", *FREE) as (_process, text):
        page = html.unescape(httpx2.get(text.partition("REST       ")[2].split()[0] + "/").text)
    assert '"command": "fairlead"' in page
    assert f'"{seed.name}"' in page
    assert str(seed.parent) not in page


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


def test_a_second_signal_does_not_wait_for_calls_in_flight() -> None:
    """Whoever presses Ctrl-C twice means it."""
    with stand_in(gate=True) as up:
        flags = ("--upstream", up.url, "--rest-port", "0", "--mcp-port", "0")
        env = {"QOVERY_API_KEY": "qov_x", "FAIRLEAD_GRACE_PERIOD": "50"}
        with started("serve", *flags, env=env) as (process, text):
            base = text.partition("REST       ")[2].split()[0]
            with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as connection:
                request = f"GET /v1/organization/{DEMO_ORGANIZATION_ID}/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
                connection.sendall(request.encode())
                up.arrived.wait(timeout=10)
                process.send_signal(signal.SIGINT)
                assert process.stderr is not None
                assert "Finishing the calls in flight" in process.stderr.readline()
                process.send_signal(signal.SIGINT)
                process.wait(timeout=10)
                assert "Traceback" not in process.stderr.read()
            up.opened.set()


@pytest.mark.parametrize("module", ["click.core", "orjson", "uvicorn", "mcp_types", "fairlead.expose.mcp"])
def test_interrupting_the_start_leaves_no_traceback(module: str) -> None:
    """Status 130 at any moment, also in the middle of an import."""
    command = [sys.executable, "-X", "importtime", "-m", "fairlead", "serve", "--sandbox", *FREE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith(f" {module}"):
                break
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in rest


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_mcp_while_its_input_is_open(number: signal.Signals, status: int) -> None:
    """The thread that waits for the client keeps nobody waiting."""
    command = [sys.executable, "-m", "fairlead", "mcp", "--sandbox"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(PING)
        process.stdin.flush()
        assert b'"id":1' in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=10) == status


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("explain >/dev/full", 74),
        ("--help >/dev/full", 74),
        (f"{' '.join(CALL)} --sandbox >/dev/full", 74),
        (f"serve --sandbox {' '.join(FREE)} >/dev/full", 74),
        ("check nowhere.yaml 2>/dev/full", 74),
        (f"{' '.join(CALL)} --sandbox >&-", 0),
        (f"{' '.join(CALL)} --sandbox <&- >&- 2>&-", 0),
        ("mcp --sandbox <&-", 0),
        ("mcp --sandbox </dev/null >&-", 0),
        ("check nowhere.yaml 2>&-", 1),
    ],
)
def test_streams_that_are_closed_or_full_are_no_fault(command: str, status: int) -> None:
    """One line at most, and the status says the rest."""
    shell = f"{sys.executable} -m fairlead {command}"
    done = subprocess.run(
        ["sh", "-c", shell], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert done.returncode == status, done.stderr
    assert done.stderr == ("" if status != 74 or "2>" in command else OUTPUT_IS_FULL)


def test_a_reader_that_went_away_ends_a_command_quietly() -> None:
    """`fairlead explain | true`: status 141, as every other tool."""
    for arguments in (("explain",), ("call", "--help"), (*CALL, "--sandbox")):
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "fairlead", *arguments]
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, b"")


def test_call_prints_the_upstreams_bytes() -> None:
    """Piped, the output is what the upstream sent; nothing is added, not even a line break."""
    with stand_in(body=b'{"events": [ ] ,"n":1.50}') as up:
        done = fairlead(*CALL, "--upstream", up.url, env={"QOVERY_API_KEY": "qov_x"})
    assert (done.code, done.out, done.err) == (0, '{"events": [ ] ,"n":1.50}', "")


def on_a_terminal(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What a command shows on a terminal."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "fairlead", *arguments]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment(env)) as process:
        process.wait(timeout=30)
    os.close(terminal)
    shown = b""
    while select.select([main], [], [], 0)[0]:
        try:
            shown += os.read(main, 65_536)
        except OSError:  # how Linux says that a terminal has no more
            break
    os.close(main)
    return shown.decode()


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_call_on_a_terminal_shows_hostile_text_escaped(env: dict[str, str]) -> None:
    """What would move the cursor, colour the screen or reverse the line is shown, not obeyed; it stays JSON."""
    name = "\u009b31m \u202e evil \U000e0041"
    with stand_in(body=json.dumps({"events": [{"target_name": name}]}, ensure_ascii=False).encode()) as up:
        text = on_a_terminal(*CALL, "--upstream", up.url, env={"QOVERY_API_KEY": "qov_x"} | env)
    assert "\\u009b31m \\u202e evil \\udb40\\udc41" in text
    assert not {"\u009b", "\u202e", "\U000e0041"} & set(text)
    assert json.loads(text) == {"events": [{"target_name": name}]}


@pytest.mark.parametrize("arguments", [("check",), ("explain",), ("check", "nowhere.yaml"), ("serve",)])
def test_no_color_is_honoured_by_everything(arguments: tuple[str, ...]) -> None:
    """Summaries, headings, diagnostics and errors are coloured on a terminal, and plain where NO_COLOR asks."""
    assert "\x1b[" in on_a_terminal(*arguments)
    assert "\x1b" not in on_a_terminal(*arguments, env={"NO_COLOR": "1"})


def test_a_file_name_cannot_colour_a_diagnostic(tmp_path: Path) -> None:
    """Somebody else may have named the file."""
    (tmp_path / "a\x1b[31m.yaml").write_text("x: [")
    done = fairlead("check", tmp_path)
    assert done.code == 1
    assert "a\\u001b[31m.yaml:2:1 yaml-syntax" in done.err


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


def test_one_overlay_is_not_for_several_documents(seed: Path, tmp_path: Path) -> None:
    """Also when they come from one folder."""
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_bytes(seed.read_bytes())
    done = fairlead("check", tmp_path, "--overlay", seed.with_name(f"{seed.stem}.overlay.yaml"))
    assert done.code == 2
    assert "--overlay goes with one document, and there are 2" in done.err


def test_a_folder_is_read_without_its_pipes_and_devices(seed: Path, tmp_path: Path) -> None:
    """They might never end."""
    (tmp_path / "one.yaml").write_bytes(seed.read_bytes())
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    done = fairlead("check", tmp_path)
    assert done.out.startswith("1 document can run")


def test_a_folder_that_cannot_be_read_is_left_out_and_named(seed: Path, tmp_path: Path) -> None:
    """Everything else is checked all the same."""
    if os.geteuid() == 0:
        pytest.skip("SKIPPED LOUDLY: the superuser may read every folder")
    (tmp_path / "one.yaml").write_bytes(seed.read_bytes())
    (tmp_path / "closed").mkdir(mode=0)
    done = fairlead("check", tmp_path)
    assert done.code == 0
    assert "closed:1:1 warning unreadable-file" in done.err
    beyond = fairlead("check", tmp_path / "closed" / "x.yaml")
    assert (beyond.code, "unreadable-file" in beyond.err) == (3, True)


def test_explain_shows_the_names_that_several_documents_are_served_under(seed: Path, tmp_path: Path) -> None:
    """What `serve` would prefix is prefixed."""
    (tmp_path / "one.yaml").write_bytes(seed.read_bytes())
    (tmp_path / "two.yaml").write_bytes(seed.read_bytes())
    done = fairlead("explain", tmp_path)
    assert "MCP   qovery-organization-event_get-all-events-inside-organization" in done.out
    assert "prefixed" in done.out


def test_only_keys_that_operations_need_are_asked_for(tmp_path: Path) -> None:
    """A document may describe an upstream that nothing calls."""
    document = tmp_path / "two.yaml"
    document.write_text(TWO_UPSTREAMS % "a.list")
    done = fairlead("serve", document, *FREE)
    assert done.code == 4
    assert "KEY_A is not set, and `a` cannot be called without" in done.err
    assert "KEY_B" not in done.err
    assert "--sandbox" not in done.err
    document.write_text(TWO_UPSTREAMS % "b.list")
    assert "KEY_B is not set" in fairlead("serve", document, *FREE).err


def test_every_option_of_the_sandbox_has_a_flag() -> None:
    """What a test of somebody's client may want to meet can be asked for."""
    flags = {parameter.name for parameter in sandbox.params}
    assert {field.name for field in dataclasses.fields(SandboxOptions)} <= flags


def test_the_sandbox_command_prints_what_to_try() -> None:
    """Its organization, its tokens, and the same events for the same seed."""
    with started("sandbox", "--port", "0", "--events", "10000000", "--now", "1795000000") as (_process, text):
        assert DEMO_ORGANIZATION_ID in text
        assert DEMO_TOKEN in text
        url = text.rpartition("curl -H")[2].split("'")[3]
        answer = httpx2.get(url, headers={"Authorization": f"Token {DEMO_TOKEN}"})
    assert len(answer.json()["events"]) == 5


def test_an_error_reads_as_sentences() -> None:
    """What is wrong, a full stop, what to do."""
    assert str(FairleadError("It broke", remedy="Mend it.")) == "It broke. Mend it."
    assert str(FairleadError("Is it broken?", remedy="Mend it.")) == "Is it broken? Mend it."
    assert str(FairleadError("It broke")) == "It broke"


def test_connections_beyond_the_bound_are_answered_503() -> None:
    """A flood is told so, and does not take the server's memory."""
    with serving.gateway(settings=serving.settings_for_tests(max_connections=1)) as running:
        port = int(running.rest_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert first.recv(15) == b"HTTP/1.1 200 OK"
            assert httpx2.get(f"{running.rest_url}/healthz").status_code == 503
        assert httpx2.get(f"{running.rest_url}/healthz").status_code == 200
