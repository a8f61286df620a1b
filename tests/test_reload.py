"""Reload: the documents and the token file are read again while requests are served, and no request is lost."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from fairlead.app.options import ServeOptions
from fairlead.app.serving import Serving, serving
from fairlead.app.watch import Watch
from fairlead.cli.choice import Choice
from fairlead.cli.documents import plans_of
from fairlead.settings import Secret
from server_process import ServerProcess, server_process, until
from serving import opened, settings_for_tests
from stand_in import stand_in
from tidal import BROKEN, GUARDED, replace_whole, text_of

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "tides", "arguments": {}}}
# Goes the way of the SDK, which holds something open for each surface.
OLD_REVISION = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
}


@dataclass(frozen=True, slots=True)
class Reloadable:
    """A server in this process whose document may change."""

    file: Path
    running: Serving
    loop: asyncio.AbstractEventLoop
    read: threading.Semaphore

    def reload(self) -> None:
        """Ask for a reload, as SIGHUP does."""
        self.loop.call_soon_threadsafe(self.running.reload)

    def reloaded(self, text: str) -> None:
        """Change the document, reload, and wait until it is done, which it is when the next reload reads."""
        replace_whole(self.file, text)
        for _ in range(2):
            self.reload()
            assert self.read.acquire(timeout=30)

    def counted(self) -> dict[str, int]:
        """How many reloads ended well, and how many badly."""
        text = httpx2.get(f"{self.running.rest_url}/metrics").text
        found = re.findall(r'^fairlead_reloads_total{outcome="(\w+)"} (\d+)', text, re.MULTILINE)
        return {outcome: int(count) for outcome, count in found}


@asynccontextmanager
async def _with_loop(options: ServeOptions) -> AsyncIterator[tuple[Serving, asyncio.AbstractEventLoop]]:
    async with serving(options) as running:
        yield running, asyncio.get_running_loop()


@contextmanager
def reloadable(
    folder: Path, text: str, upstream: str, prepare: Callable[[], None] = lambda: None, **changed: Any
) -> Iterator[Reloadable]:
    """A server of a document in a folder; `prepare` is called before each time it is read again."""
    file = folder / "tides.yaml"
    file.write_text(text)

    read = threading.Semaphore(0)

    def compile_again() -> Any:
        prepare()
        read.release()
        return plans_of(Choice(documents=(file,)))[0]

    settings = changed.pop("settings", settings_for_tests())
    plans = plans_of(Choice(documents=(file,)))[0]
    ports = {"rest_port": 0, "mcp_port": 0}
    options = ServeOptions(plans=plans, settings=settings, upstream=upstream, compile=compile_again, **ports, **changed)
    with opened(_with_loop(options)) as (running, loop):
        yield Reloadable(file, running, loop, read)


@dataclass(slots=True)
class Load:
    """Callers that call without a pause, and what went wrong."""

    stop: threading.Event = field(default_factory=threading.Event)
    answered: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def call(self, address: str, method: str, path: str, body: bytes, headers: dict[str, str], fresh: bool) -> None:
        """Call until it is told to stop, over one connection or each time over a fresh one."""
        place, count = urlsplit(address), 0
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        while not self.stop.is_set():
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as failure:
                self.lost.append(repr(failure))
                connection.close()
                continue
            if answer.status != 200 or b"high" not in content:
                self.lost.append(f"{answer.status} {content[:200]!r}")
            count += 1
            if fresh:
                connection.close()
        connection.close()
        self.answered.append(count)


@contextmanager
def loaded(rest_url: str, mcp_url: str) -> Iterator[Load]:
    """Callers on both ports, with connections that are kept and with fresh ones."""
    load = Load()
    body = json.dumps(CALL).encode()
    calls = [
        (rest_url, "GET", "/v1/tides", b"", {}, False),
        (rest_url, "GET", "/v1/tides", b"", {}, True),
        (mcp_url, "POST", "/mcp", body, OLD_REVISION, False),
        (mcp_url, "POST", "/mcp", body, OLD_REVISION, True),
    ]
    threads = [threading.Thread(target=load.call, args=call) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(timeout=30)


def test_a_thousand_reloads_under_load_lose_no_request(tmp_path: Path) -> None:
    """Callers on both ports, over kept and fresh connections, notice nothing; every second document is broken."""
    wanted, reads = 1_000, 0
    done = threading.Event()
    texts = [text_of("One"), BROKEN, text_of("Two"), "{ no yaml", text_of("Three"), "naftiko: 9"]

    def change() -> None:
        nonlocal reads
        reads += 1
        replace_whole(tmp_path / "tides.yaml", texts[reads % len(texts)])
        if reads < wanted:
            server.reload()  # while one runs: there will be one more
        else:
            done.set()

    with (
        stand_in(body=b'{"tide": "high"}') as up,
        reloadable(tmp_path, text_of(), up.url, change) as server,
        loaded(server.running.rest_url, server.running.mcp_url) as load,
    ):
        server.reload()
        assert done.wait(120)
        until(lambda: sum(server.counted().values()) == wanted, "every reload was counted")
        counted = server.counted()
    assert load.lost == []
    assert counted == {"success": wanted // 2, "failure": wanted // 2}
    assert len(load.answered) == 4
    assert all(count > 100 for count in load.answered)


@pytest.mark.parametrize("port", ["rest", "mcp"])
def test_a_call_in_flight_is_answered_by_the_plan_it_began_with(tmp_path: Path, port: str) -> None:
    """Even when the new plan has no such route and the old one is gone for everybody else."""
    answers: list[httpx2.Response] = []
    with (
        stand_in(gate=True, body=b'{"tide": "high"}') as up,
        reloadable(tmp_path, text_of(), up.url) as server,
    ):
        rest, mcp = server.running.rest_url, server.running.mcp_url

        def call() -> None:
            if port == "rest":
                answers.append(httpx2.get(f"{rest}/v1/tides", timeout=30))
            else:
                answers.append(httpx2.post(mcp, json=CALL, headers=OLD_REVISION, timeout=30))

        caller = threading.Thread(target=call)
        caller.start()
        assert up.arrived.wait(20)
        server.reloaded(text_of(path="/v2/tides").replace("name: tides, call", "name: tide, call"))
        server.reloaded(text_of(path="/v3/tides").replace("name: tides, call", "name: tide, call"))
        assert httpx2.get(f"{rest}/v1/tides").status_code == 404
        up.opened.set()
        caller.join(timeout=30)
    assert "high" in answers[0].text
    assert answers[0].status_code == 200


def test_a_surface_without_calls_does_not_wait_for_those_of_others(tmp_path: Path) -> None:
    """A server that was reloaded often still ends at once."""
    with stand_in() as up, reloadable(tmp_path, text_of(), up.url) as server:
        for number in range(5):
            server.reloaded(text_of(f"Tides {number}"))
        description = httpx2.get(f"{server.running.rest_url}/openapi.json").json()
    assert description["info"]["title"] == "Tides 4"


def test_a_reload_that_would_open_the_server_to_the_network_is_refused(tmp_path: Path) -> None:
    """What was refused at the start is refused later as well."""
    guarded = text_of(rest=GUARDED, mcp=GUARDED)
    secrets = {"TIDES_CALLERS": Secret("a-token-of-the-callers")}
    with (
        stand_in() as up,
        reloadable(tmp_path, guarded, up.url, settings=settings_for_tests(secrets=secrets), host="0.0.0.0") as server,
    ):
        server.reloaded(text_of())
        assert httpx2.get(f"{server.running.rest_url}/v1/tides").status_code == 401


def test_what_is_known_of_callers_and_upstreams_outlives_a_reload(tmp_path: Path) -> None:
    """Neither a caller's rate nor an open breaker is forgiven because a document changed."""
    with (
        stand_in(status=500) as up,
        reloadable(
            tmp_path, text_of(), up.url, settings=settings_for_tests(call_rate=3.0, breaker_failures=1, retries=0)
        ) as server,
    ):
        url = f"{server.running.rest_url}/v1/tides"
        assert httpx2.get(url).status_code == 502
        server.reloaded(text_of("Other tides"))
        assert httpx2.get(url).status_code == 503
        assert httpx2.get(url).status_code == 503
        assert httpx2.get(url).status_code == 429
        assert len(up.asked) == 1


@contextmanager
def tides(
    folder: Path, *flags: str, text: str | None = None, env: dict[str, str] | None = None
) -> Iterator[ServerProcess]:
    """A server process of a document in a folder."""
    (folder / "tides.yaml").write_text(text or text_of())
    with (
        stand_in(body=b'{"tide": "high"}') as up,
        server_process(folder / "tides.yaml", "--upstream", up.url, *flags, env=env) as server,
    ):
        yield server


def title_of(server: ServerProcess) -> str:
    """The title that the server describes itself with."""
    return str(httpx2.get(f"{server.rest_url}/openapi.json").json()["info"]["title"])


def test_a_broken_document_is_told_with_its_place_and_the_old_plan_goes_on(tmp_path: Path) -> None:
    """SIGHUP reads the document; what is wrong with it is recorded; once it is mended it is taken."""
    with tides(tmp_path) as server:
        replace_whole(tmp_path / "tides.yaml", BROKEN)
        server.hang_up()
        told = server.record("document refused", code="unknown-call")
        assert told["at"] == f"{tmp_path / 'tides.yaml'}:17:53"
        assert "did you mean `sea.tides`" in told["message"]
        server.record("documents not reloaded")
        assert title_of(server) == "Tides"
        assert httpx2.get(f"{server.rest_url}/v1/tides").status_code == 200
        replace_whole(tmp_path / "tides.yaml", text_of("Mended"))
        server.hang_up()
        server.record("documents reloaded")
        assert title_of(server) == "Mended"
        assert server.terminate() == 0


def test_a_port_that_changes_in_the_document_is_told_and_left(tmp_path: Path) -> None:
    """A port is bound once: the record says that it takes a restart."""
    with tides(tmp_path) as server:
        changed = text_of("New port").replace("- type: rest\n", "- type: rest\n    port: 18099\n")
        replace_whole(tmp_path / "tides.yaml", changed)
        server.hang_up()
        assert server.record("port not changed")["document"] == 18099
        assert title_of(server) == "New port"


def test_the_token_file_is_read_again_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Who left is refused and who came is let in; a file that cannot be used changes nothing."""
    tokens = tmp_path / "tokens"

    def write(text: str) -> None:
        tokens.write_text(text)
        tokens.chmod(0o600)

    def status(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(f"{server.rest_url}/v1/tides", headers=headers).status_code

    ada, bob = "0123456789abcdef-ada", "0123456789abcdef-bob"
    write(f"ada {ada}\n")
    with tides(tmp_path, "--api-token-file", str(tokens)) as server:
        assert (status(ada), status(bob)) == (200, 401)
        write(f"bob {bob}\n")
        server.hang_up()
        server.record("documents reloaded")
        assert (status(ada), status(bob)) == (401, 200)
        write(f"ada {ada}\neve short\n")
        server.hang_up()
        told = server.record("tokens not reloaded")
        assert f"{tokens}:2: the token is shorter" in told["reason"]
        server.record("documents reloaded")
        assert (status(ada), status(bob)) == (401, 200)


def _rename(folder: Path, text: str) -> None:
    replace_whole(folder / "tides.yaml", text)


def _in_place(folder: Path, text: str) -> None:
    with (folder / "tides.yaml").open("r+") as file:
        file.write(text)
        file.truncate()


@pytest.mark.parametrize("change", [_rename, _in_place])
def test_watching_takes_a_document_that_was_changed(tmp_path: Path, change: Callable[[Path, str], None]) -> None:
    """Renamed over or written in place; and nobody has to send a signal."""
    with tides(tmp_path, "--watch") as server:
        change(tmp_path, text_of("Watched"))
        server.record("documents reloaded")
        assert title_of(server) == "Watched"
        change(tmp_path, BROKEN)
        server.record("document refused", code="unknown-call")
        change(tmp_path, text_of("Again"))
        server.record("documents reloaded")
        assert title_of(server) == "Again"


def test_watching_follows_links_overlays_and_the_files_of_a_folder(tmp_path: Path) -> None:
    """As Kubernetes changes a ConfigMap: the link to the folder is swapped, the files' own links stay."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for name, title in (("..one", "One"), ("..two", "Two")):
        (mounted / name).mkdir()
        (mounted / name / "tides.yaml").write_text(text_of(title))
    (mounted / "..data").symlink_to("..one")
    (mounted / "tides.yaml").symlink_to("..data/tides.yaml")
    with stand_in() as up, server_process(mounted, "--upstream", up.url, "--watch") as server:
        assert title_of(server) == "One"
        (mounted / "..new").symlink_to("..two")
        (mounted / "..new").rename(mounted / "..data")
        server.record("documents reloaded")
        assert title_of(server) == "Two"
        overlay = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions: [{target: $.info, update: {label: Over}}]\n"
        (mounted / "tides.overlay.yaml").write_text(overlay)
        server.record("documents reloaded")
        assert title_of(server) == "Over"
        other = text_of("Other", path="/v1/other").replace("name: tides, call", "name: other, call")
        (mounted / "zz.yaml").write_text(other.replace("namespace: sea", "namespace: zea").replace("sea.", "zea."))
        server.record("documents reloaded")
        assert httpx2.get(f"{server.rest_url}/v1/other").status_code == 200
        assert httpx2.get(f"{server.rest_url}/v1/tides").status_code == 200


def test_a_change_counts_once_it_holds_still(tmp_path: Path) -> None:
    """A file that is still being written is not read, and one change is told once."""
    file = tmp_path / "tides.yaml"
    watch = Watch(lambda: [file])
    assert [watch.changed() for _ in range(2)] == [False, False]
    file.write_text("half")
    assert not watch.changed()
    file.write_text("half and half")
    assert not watch.changed()
    assert [watch.changed() for _ in range(3)] == [True, False, False]
    file.unlink()
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_watching_follows_what_a_document_imports_and_where_its_keys_are(tmp_path: Path) -> None:
    """Also once it imports another file; files beside it that it does not name are nothing to it."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(
            f"consumes: [{{namespace: sea, resources: [{{path: /{name}, operations: [{{name: o}}]}}]}}]"
        )
    (tmp_path / "keys.env").write_text("KEY=first\n")
    document = tmp_path / "all" / "tides.yaml"
    document.parent.mkdir()
    text = """
binds: [{namespace: env, location: file:///../keys.env, keys: {KEY: KEY}}]
capability:
  consumes: [{import: sea, location: ../one.yaml}]
  exposes: [{type: mcp, tools: [{name: o, call: sea.o, with: {key: '{{env.KEY}}'}}]}]
"""
    document.write_text(text)
    plans = plans_of(Choice(documents=(document,)))[0]
    watch = Watch(lambda: [document])
    watch.also(Path(file) for plan in plans for file in plan.beside)
    assert [watch.changed() for _ in range(2)] == [False, False]
    for name in ("one.yaml", "keys.env"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
        assert [watch.changed() for _ in range(3)] == [False, True, False]
    (tmp_path / "two.yaml").write_text((tmp_path / "two.yaml").read_text() + "\n")
    assert [watch.changed() for _ in range(2)] == [False, False]
    document.write_text(text.replace("one.yaml", "two.yaml"))
    assert [watch.changed() for _ in range(2)] == [False, True]
    plans = plans_of(Choice(documents=(document,)))[0]
    watch.also(Path(file) for plan in plans for file in plan.beside)
    (tmp_path / "one.yaml").write_text("")
    assert [watch.changed() for _ in range(2)] == [False, False]
    (tmp_path / "two.yaml").write_text("")
    assert [watch.changed() for _ in range(2)] == [False, True]
