"""What the bench makes of what it measured: its arithmetic, its report, and its place in the document."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from bench import document
from bench.callers import Tally
from bench.capability import tool_name, write_capability
from bench.coalesced import Coalesced
from bench.load import Sample, Series, read_summary
from bench.machine import CpuSeconds, Machine, share_of_others
from bench.many import DOCUMENTS, MANY, ONE, OPERATIONS, write_documents
from bench.mcp_peers import FAIRLEAD_MCP, FASTMCP, TOOLS, fairlead_with
from bench.paced import is_whole, percentiles
from bench.peers import AIOHTTP, ASGI, DIRECT, FAIRLEAD, HTTPX, NGINX, RSGI, Peer, request
from bench.profile import CpuTime, Profile, read_stacks
from bench.report import Conditions, render, render_profile, render_soak
from bench.results import HalfLoad, Rest, Results, ratio
from bench.soak import Held, Soak, trend
from bench.startup import StartUp
from bench.targets import soak_targets, targets
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cli.choice import Choice
from fairlead.cli.documents import plans_of
from fairlead.plan.compile import compile_document
from fairlead.spec.load import load

MACHINE = Machine(gateway_core=0, load_core=1, description="a machine", versions="wrk 4")
CONDITIONS = Conditions(date(2026, 11, 23), MACHINE, 0.0)
# Requests per second at 32 connections.
RATES = {DIRECT: 90_000, NGINX: 60_000, RSGI: 16_600, ASGI: 13_700, HTTPX: 340, AIOHTTP: 2_000, FAIRLEAD: 8_000}


def series(*per_second: float, failures: int = 0) -> Series:
    """Samples that differ in their rate only."""
    return Series(tuple(Sample(per_second=each, p50=0.25, p99=2.0, failures=failures) for each in per_second))


def results(*, fairlead_failures: int = 0) -> Results:
    """A run whose figures are made up: Fairlead misses its target over nginx, and reaches the others."""
    measured = {(name, count): series(rate) for name, rate in RATES.items() for count in (1, 32)}
    measured[FAIRLEAD, 32] = series(RATES[FAIRLEAD], failures=fairlead_failures)
    mcp = {(name, 32): series(900) for name in (FAIRLEAD_MCP, *map(fairlead_with, TOOLS))}
    identical = Coalesced(requests="identical", connections=256, series=series(9_000), calls_per_second=49)
    return Results(
        start=StartUp(check_cpu=(0.25,), largest_check_cpu=(2.0,), ready=(1.0,), many_ready=(2.0,), resident_mb=100),
        rest=Rest(measured, {FAIRLEAD: 110}),
        half_load=HalfLoad(4_000, {FAIRLEAD: series(4_000)}),
        mcp=mcp | {(FASTMCP, 32): series(300)},
        coalesced=[identical],
        workers={("2 workers, both cores", 32): series(9_500)},
        many={(ONE, 32): series(8_000), (MANY, 32): series(7_900)},
    )


def soaked(*, megabytes: float = 100.0, after: int = 18) -> Soak:
    """A soak that grew to so many MB and kept so many descriptors."""
    held = tuple(
        Held(at=second, resident_mb=100 + (megabytes - 100) * second / 600, descriptors=110)
        for second in range(0, 601, 5)
    )
    tally = Tally()
    tally.expected["identical"] += 600
    return Soak(
        seconds=600,
        tally=tally,
        before=Held(at=0, resident_mb=90, descriptors=17),
        held=held,
        after=Held(at=640, resident_mb=megabytes, descriptors=after),
    )


def test_a_run_of_wrk_becomes_a_sample() -> None:
    """Microseconds become milliseconds, and every kind of failure is one."""
    line = '{"requests":3000,"microseconds":1500000,"p50":250.0,"p99":4000.0,"failed":7}'
    assert read_summary(line) == Sample(per_second=2_000, p50=0.25, p99=4.0, failures=7)


def test_a_ratio_is_of_medians_and_shows_its_rounds() -> None:
    """One disturbed round moves the extremes, not the figure."""
    assert str(ratio(series(100, 110, 10), series(50, 55, 50))) == "2.00 × (0.20–2.00)"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_percentiles_are_latencies_that_occurred(latencies: list[float]) -> None:
    """The 99th is reached or passed by one call in a hundred at most."""
    p50, p99 = percentiles(latencies)
    assert {p50, p99} <= set(latencies)
    assert sum(each > p99 for each in latencies) <= len(latencies) / 100
    assert sum(each > p50 for each in latencies) <= len(latencies) / 2


def test_an_answer_is_whole_with_its_last_byte() -> None:
    """A call at a fixed rate ends when all of its body is there."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nserver: x\r\n\r\nbody"
    assert [is_whole(answer[:size]) for size in range(len(answer) + 1)] == [False] * len(answer) + [True]


def test_what_is_sent_without_wrk_is_what_wrk_sends(tmp_path: Path) -> None:
    """A posted file is the body, with its length."""
    body = tmp_path / "body"
    body.write_bytes(b"{}")
    sent = request(Peer("x", "http://127.0.0.1:1/mcp", {"Accept": "a"}, posted=body))
    assert sent == b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("tools", [1, 12])
def test_a_document_of_any_size_is_one_that_runs(tmp_path: Path, tools: int) -> None:
    """Each operation is a tool, and the last asks for the page of events."""
    compiled = compile_document(load(write_capability(tools, tmp_path)), None)
    assert not [found for found in compiled.diagnostics if found.severity == "error"]
    assert [tool.name for tool in compiled.plan.tools] == [tool_name(number) for number in range(tools)]
    (consumed,) = yaml.safe_load((tmp_path / f"{tools}-tools.yaml").read_text())["capability"]["consumes"]
    assert consumed["resources"][-1]["path"] == "/organization/{organizationId}/events"


def test_many_documents_are_one_server_without_a_prefix(tmp_path: Path) -> None:
    """As many operations as promised, none of which two documents claim."""
    plans, left_out = plans_of(Choice(documents=(write_documents(tmp_path),)))
    assert not left_out
    assert len(plans) == DOCUMENTS
    assert sum(len(plan.tools) for plan in plans) == OPERATIONS
    assert "prefixed" not in {inference.rule for plan in plans for inference in plan.inferences}


def test_the_report_says_which_target_is_missed() -> None:
    """A ratio that the bare stacks do not reach either stands beside theirs."""
    assert [target.name for target in targets(results()) if not target.reached] == ["REST over nginx `proxy_pass`"]
    report = render(results(), CONDITIONS, "Once.")
    assert report.count("**missed**") == 1
    for ceiling, over in ((RSGI, "0.48"), (ASGI, "0.58"), (NGINX, "0.13")):
        assert re.search(rf"\| {re.escape(ceiling)} +\| {over} × ", report)
    assert "not quiet" not in report


def test_a_failed_request_misses_a_target() -> None:
    """Speed that comes from answering errors is no speed."""
    missed = [target for target in targets(results(fairlead_failures=3)) if target.name == "failed requests"]
    assert [(target.measured, target.reached) for target in missed] == [("3", False)]


def test_a_disturbed_run_says_so() -> None:
    """What other programs took is what the bench did not."""
    before, after = CpuSeconds(100, 50, 10), CpuSeconds(120, 65, 20)
    assert share_of_others(before, after) == 0.25
    assert "not to be quoted" in render(results(), Conditions(CONDITIONS.today, MACHINE, 0.25), "Once.")


def test_a_trend_leaves_the_warm_up_out() -> None:
    """Memory that is taken once, at the beginning, is not a leak."""
    warm = [(float(second), 50.0 + min(second, 10)) for second in range(100)]
    assert trend(warm).growth == 0
    assert trend([(float(second), 100.0 + second) for second in range(100)]).per_hour == pytest.approx(3_600)


def test_a_soak_that_leaks_misses_its_targets() -> None:
    """Memory that grows and descriptors that stay are both seen."""
    assert all(target.reached for target in soak_targets(soaked()))
    leaking = soak_targets(soaked(megabytes=120, after=40))
    assert [target.reached for target in leaking] == [True, False, False]
    assert "**missed**" in render_soak(soaked(megabytes=120), CONDITIONS)


def test_a_profile_counts_a_function_once_in_each_stack_of_the_loop() -> None:
    """Recursion does not make a function look larger than the whole, nor does a thread that waits for work."""
    loop = "main (a.py:1);Runner.run (asyncio/runners.py:9)"
    stacks = read_stacks([f"{loop};f (b.py:2);f (b.py:3) 3", f"{loop};g (b.py:9) 1", "_worker (thread.py:5) 5", " 5"])
    assert stacks.total == 4
    assert stacks.own == {"f (b.py)": 3, "g (b.py)": 1}
    assert stacks.within["f (b.py)"] == 3
    assert stacks.within["main (a.py)"] == 4
    threads = {"fairlead": CpuTime(60, 20), "tokio-rt-worker": CpuTime(15, 5)}
    profile = Profile(seconds=10, threads=threads, stacks=stacks)
    report = render_profile(profile, CONDITIONS)
    assert "| `fairlead`         | 60%      | 20%    |" in report
    assert "`main (a.py)`" not in report


def test_a_report_replaces_its_own_block_only() -> None:
    """Text that people wrote is never touched."""
    text = "a\n<!-- soak:begin -->\nold\n<!-- soak:end -->\nb"
    assert document.with_report(text, "soak", "new") == text.replace("old", "new")
    with pytest.raises(ValueError, match="bench:begin"):
        document.with_report(text, "bench", "new")


@pytest.mark.parametrize("block", ["bench", "soak", "profile"])
def test_the_document_has_a_place_for_each_report(block: str) -> None:
    """`--write` finds its markers, each once."""
    text = document.DOCUMENT.read_text()
    assert text.count(f"<!-- {block}:begin -->") == text.count(f"<!-- {block}:end -->") == 1
    assert document.with_report(text, block, "new") != text
