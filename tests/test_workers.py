"""Several workers on one address: spread, replaced, counted together, drained together."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from command import environment, fairlead
from fairlead.app.workers import MOST_SHORT_LIVES, Restarts
from server_process import DEADLINE, ServerProcess, alive, inode_of, server_process, sockets_of, until
from stand_in import StandIn, stand_in
from tidal import BROKEN, replace_whole, text_of

REQUEST = b"GET /v1/tides HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def crew(
    folder: Path, *flags: str, workers: int = 2, env: dict[str, str] | None = None, gate: bool = False
) -> Iterator[tuple[ServerProcess, StandIn]]:
    """A server with workers, and its upstream."""
    (folder / "tides.yaml").write_text(text_of())
    with (
        stand_in(body=b'{"tide": "high"}', gate=gate) as up,
        server_process(
            folder / "tides.yaml", "--upstream", up.url, "--workers", str(workers), *flags, env=env
        ) as server,
    ):
        yield server, up


@contextmanager
def connections(server: ServerProcess, count: int) -> Iterator[list[socket.socket]]:
    """Connections to the REST port that stay open."""
    with ExitStack() as stack:
        address = ("127.0.0.1", server.rest_port)
        yield [stack.enter_context(socket.create_connection(address, timeout=DEADLINE)) for _ in range(count)]


def ask(connection: socket.socket) -> bytes:
    """The answer to a request over a connection that stays open."""
    connection.sendall(REQUEST)
    return answer_of(connection)


def answer_of(connection: socket.socket) -> bytes:
    """A whole answer."""
    received = b""
    while not received.endswith(b'{"tide": "high"}'):
        part = connection.recv(4096)
        assert part, received
        received += part
    return received


def served_by(server: ServerProcess, connection: socket.socket) -> int:
    """The worker that has a connection."""
    inode = inode_of(server.rest_port, connection.getsockname()[1])
    return next((pid for pid in server.workers() if inode in sockets_of(pid)), 0)


def number(server: ServerProcess, name: str) -> float:
    """The sum of a metric over its labels."""
    text = httpx2.get(f"{server.rest_url}/metrics").text
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def title_of(server: ServerProcess) -> str:
    """The title a fresh connection's worker describes itself with."""
    return str(httpx2.get(f"{server.rest_url}/openapi.json").json()["info"]["title"])


def test_connections_are_spread_and_counted_over_the_workers(tmp_path: Path) -> None:
    """No worker idles while another serves them all, and any of them shows the numbers of all."""
    with crew(tmp_path) as (server, _), connections(server, 32) as callers:
        for caller in callers:
            assert ask(caller).startswith(b"HTTP/1.1 200")
        spread = [[served_by(server, caller) for caller in callers].count(pid) for pid in server.workers()]
        assert sum(spread) == 32
        assert min(spread) >= 4
        until(lambda: number(server, "fairlead_requests_total") == 32, "the requests of both workers are counted")
        assert number(server, "fairlead_workers") == 2


def test_a_killed_worker_is_replaced_and_nobody_elses_request_is_lost(tmp_path: Path) -> None:
    """Connections of the others go on, fresh ones are answered at any moment, and no counter goes back."""
    with crew(tmp_path) as (server, _), connections(server, 32) as callers:
        for caller in callers:
            ask(caller)
        until(lambda: number(server, "fairlead_requests_total") == 32, "every request is counted")
        victim, other = server.workers()
        safe = [caller for caller in callers if served_by(server, caller) == other]
        assert safe
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert httpx2.get(f"{server.rest_url}/v1/tides", timeout=DEADLINE).status_code == 200
        for caller in safe:
            assert ask(caller).startswith(b"HTTP/1.1 200")
        assert number(server, "fairlead_requests_total") >= 32
        assert server.record("worker ended")["status"] == -signal.SIGKILL
        until(lambda: len(server.workers()) == 2, "there are two workers again")
        assert victim not in server.workers()
        told = 32 + 20 + len(safe)
        until(lambda: number(server, "fairlead_requests_total") == told, "what the dead one counted is not forgotten")
        until(lambda: number(server, "fairlead_workers") == 2, "the gauges are those of the living")


def test_a_worker_that_is_told_to_end_drains_and_is_replaced(tmp_path: Path) -> None:
    """An operator may renew one worker after the other."""
    with crew(tmp_path) as (server, _):
        first, other = server.workers()
        os.kill(first, signal.SIGTERM)
        assert server.record("worker ended")["status"] == 0
        until(lambda: len(server.workers()) == 2, "there are two workers again")
        assert first not in server.workers()
        assert other in server.workers()


@pytest.mark.parametrize("to_all", [False, True])
def test_calls_in_flight_of_all_workers_are_answered_before_the_server_ends(tmp_path: Path, to_all: bool) -> None:
    """SIGTERM to the parent drains its workers, and so does Ctrl-C, which the terminal sends to all of them."""
    env = {"FAIRLEAD_CACHE_TTL": "0"}
    with crew(tmp_path, gate=True, env=env) as (server, up), connections(server, 16) as callers:
        for index, caller in enumerate(callers):  # each its own, so that none shares another's answer
            caller.sendall(REQUEST.replace(b"/v1/tides", b"/v1/tides?station=%d" % index))
        until(lambda: len(up.asked) == len(callers), "every call is in flight")
        if to_all:
            os.killpg(server.process.pid, signal.SIGINT)
        else:
            server.process.send_signal(signal.SIGTERM)
        server.record("Finishing the calls in flight…")
        up.opened.set()
        for caller in callers:
            assert answer_of(caller).startswith(b"HTTP/1.1 200")
        assert server.process.wait(timeout=DEADLINE) == 0
        # Nothing holds the records' pipe any more, so nothing runs any more.
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
def test_a_second_signal_ends_every_worker_at_once(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    """Whoever sends two means it."""
    with (
        crew(tmp_path, gate=True, env={"FAIRLEAD_GRACE_PERIOD": "50"}) as (server, up),
        connections(server, 1) as (caller,),
    ):
        workers = server.workers()
        caller.sendall(REQUEST)
        assert up.arrived.wait(DEADLINE)
        server.process.send_signal(numbers[0])
        server.record("Finishing the calls in flight…")
        server.process.send_signal(numbers[1])
        server.process.wait(timeout=10)
        assert not [pid for pid in workers if alive(pid)]
        up.opened.set()


def test_calls_that_outlast_the_grace_end_with_the_server(tmp_path: Path) -> None:
    """The grace is not taken twice, and no worker stays."""
    with (
        crew(tmp_path, gate=True, env={"FAIRLEAD_GRACE_PERIOD": "0.3"}) as (server, up),
        connections(server, 1) as (caller,),
    ):
        caller.sendall(REQUEST)
        assert up.arrived.wait(DEADLINE)
        assert server.terminate() == 0
        assert caller.recv(100) == b""
        up.opened.set()


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Nothing is left that holds the ports, though nobody told the workers."""
    with crew(tmp_path, "--workers", "3") as (server, _):
        workers = server.workers()
        assert len(workers) == 3
        server.process.kill()
        until(lambda: not [pid for pid in workers if alive(pid)], "no worker is left")


def test_the_workers_share_one_sandbox(tmp_path: Path) -> None:
    """It runs in a process of its own and ends after them."""
    with server_process("--sandbox", "--sandbox-port", "0", "--workers", "2") as server:
        children = server.workers()
        assert len(children) == 3
        url = httpx2.get(f"{server.rest_url}/").text
        assert "Fairlead" in url or server.rest_url in url
        assert server.terminate() == 0
        assert not [pid for pid in children if alive(pid)]


def test_every_worker_reloads_and_so_do_those_that_come_later(tmp_path: Path) -> None:
    """A worker that replaces another starts with the last plan that was good, whatever the document is by then."""
    with crew(tmp_path) as (server, _):
        replace_whole(tmp_path / "tides.yaml", text_of("New"))
        server.hang_up()
        server.record("documents reloaded")
        server.record("documents reloaded")
        assert {title_of(server) for _ in range(16)} == {"New"}
        replace_whole(tmp_path / "tides.yaml", BROKEN)
        server.hang_up()
        server.record("documents not reloaded")
        server.record("documents not reloaded")
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        server.record("worker ended")
        server.record("worker ended")
        assert {title_of(server) for _ in range(16)} == {"New"}


def test_watching_reloads_every_worker(tmp_path: Path) -> None:
    """The parent looks, and tells them."""
    with crew(tmp_path, "--watch") as (server, _):
        replace_whole(tmp_path / "tides.yaml", text_of("Watched"))
        assert {server.record("documents reloaded")["worker"] for _ in range(2)} == {0, 1}
        assert title_of(server) == "Watched"


def test_each_worker_allows_its_share_of_a_callers_rate(tmp_path: Path) -> None:
    """What is counted by each worker alone is divided between them."""
    with crew(tmp_path, env={"FAIRLEAD_CALL_RATE": "8"}) as (server, _), connections(server, 1) as (caller,):
        for _ in range(4):
            assert ask(caller).startswith(b"HTTP/1.1 200")
        caller.sendall(REQUEST)
        assert caller.recv(100).startswith(b"HTTP/1.1 429")


def test_what_keeps_a_server_from_starting_is_said_once_with_its_status(tmp_path: Path) -> None:
    """Before a worker is started: a port that is taken, a key that is missing, a token file that is not there."""
    document = tmp_path / "tides.yaml"
    document.write_text(text_of())
    workers = ("serve", document, "--workers", "2", "--mcp-port", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = fairlead(*workers, "--rest-port", str(taken.getsockname()[1]))
    assert (done.code, done.err.count("is in use")) == (5, 1)
    done = fairlead("serve", "--workers", "2", "--rest-port", "0", "--mcp-port", "0")
    assert (done.code, done.err.count("QOVERY_API_KEY is not set")) == (4, 1)
    done = fairlead(*workers, "--rest-port", "0", "--api-token-file", tmp_path / "none")
    assert (done.code, done.err.count("cannot be read")) == (4, 1)
    assert fairlead(*workers, "--rest-port", "0", "--cache-ttl", "nan").code == 2


def test_two_servers_with_workers_do_not_share_a_port(tmp_path: Path) -> None:
    """The system would let the second one in, and give it half of the connections."""
    with crew(tmp_path) as (server, _):
        done = fairlead("serve", tmp_path / "tides.yaml", "--workers", "2", "--rest-port", str(server.rest_port))
    assert done.code == 5
    assert "is in use" in done.err


def test_a_server_whose_workers_die_again_and_again_ends(tmp_path: Path) -> None:
    """Rather than to start them for ever: whoever started the server has to know."""
    with crew(tmp_path) as (server, _):
        while server.process.poll() is None:
            for pid in server.workers():
                with contextlib.suppress(ProcessLookupError):  # it ended since they were listed
                    os.kill(pid, signal.SIGKILL)
        assert server.process.returncode == 128 + signal.SIGKILL
        server.record("workers end as soon as they start")


def test_a_worker_that_served_is_replaced_at_once_and_others_with_patience() -> None:
    """Five short lives in a row are one too many; a long one begins the count anew."""
    restarts = Restarts()
    assert restarts.pause_after(100.0) == 0
    pauses = [restarts.pause_after(0.0) for _ in range(MOST_SHORT_LIVES - 1)]
    assert pauses == sorted(pause for pause in pauses if pause is not None)
    assert restarts.pause_after(2.0) == 0
    assert [restarts.pause_after(0.5) for _ in range(MOST_SHORT_LIVES)][-1] is None


def test_a_hangup_while_a_server_starts_does_not_end_it(tmp_path: Path) -> None:
    """`systemctl reload` right after the start waits until somebody can act on it."""
    document = tmp_path / "tides.yaml"
    document.write_text(text_of())
    command = [sys.executable, "-m", "fairlead", "serve", str(document), "--upstream", "http://127.0.0.1:1"]
    env = environment({"FAIRLEAD_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"})
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", *command[1:], "--rest-port", "0", "--mcp-port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("fairlead.app.options"):
                break
        process.send_signal(signal.SIGHUP)
        assert any("documents reloaded" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_ends_with_its_terminal(tmp_path: Path, workers: str) -> None:
    """A closed terminal sends the signal that means a reload, and a server that nobody sees would keep the ports."""
    document = tmp_path / "tides.yaml"
    document.write_text(text_of())
    master, slave = pty.openpty()
    ports = ("--rest-port", "0", "--mcp-port", "0", "--workers", workers)
    command = [sys.executable, "-m", "fairlead", "serve", document, "--upstream", "http://127.0.0.1:1", *ports]
    with subprocess.Popen(
        command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    ) as process:
        os.close(slave)
        assert process.stdout is not None
        assert any("curl" in line for line in process.stdout)
        os.close(master)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
