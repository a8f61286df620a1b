"""Turns what was measured of an archive into Markdown, and says whether each target is reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from bench.archive.building import Built
from bench.archive.reads import BUCKETS, FACETS, PAGE, CountRead, PageRead
from bench.archive.rest import RestRead
from bench.archive.streams import Stream
from bench.archive.syncing import Synced
from bench.archive.timing import Timing
from bench.markdown import table
from bench.targets import Target

_QUIET = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """When and where an archive was measured, with what, and which share of the machine other programs took."""

    today: date
    hardware: str
    versions: str
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was measured."""

    events: int
    size: int
    rounds: int
    built: Built
    synced: Synced
    pages: Sequence[PageRead]
    counts: Sequence[CountRead]
    export: Stream
    verify: Stream
    rest: Sequence[RestRead]


def targets(measured: Measured) -> list[Target]:
    """Every target with what was measured, on the clock; of several queries the slowest."""
    by_time = [read for read in measured.pages if read.kind == "by time"]
    by_field = [read for read in measured.pages if read.kind == "by field"]
    by_text = [read for read in measured.pages if read.kind == "by text"]
    filtered = [timing for read in by_field for timing in (read.newest, read.anywhere)]
    return [
        _at_most(f"newest page of {PAGE}, p99", 5, [read.newest for read in by_time]),
        _at_most("page anywhere, p99", 5, [read.anywhere for read in by_time]),
        _at_most("page with conditions, newest or anywhere, p99", 10, filtered),
        _at_most(f"newest {PAGE} by text, p99", 30, [read.newest for read in by_text]),
        _at_most(
            f"{BUCKETS} buckets, {len(FACETS)} facets, no conditions, p99",
            100,
            [read.warm for read in measured.counts if not read.filtered],
        ),
        _at_least("`fairlead events sync`", 5_000, measured.synced.per_second),
        _at_least("export as NDJSON", 50_000, measured.export.per_second),
        _at_least("verify", 50_000, measured.verify.per_second),
    ]


def render(measured: Measured, circumstances: Circumstances) -> str:
    """The report."""
    return "\n\n".join(
        [
            _conditions(measured, circumstances),
            _targets(targets(measured)),
            f"### Pages of {PAGE}, milliseconds",
            _pages(measured.pages),
            f"### About {BUCKETS} buckets and {len(FACETS)} facets, milliseconds",
            _counts(measured.counts),
            "### The same through REST, milliseconds",
            _rest(measured.rest),
            "### Streams",
            _streams(measured),
            f"Versions: {circumstances.versions}.",
        ]
    )


def _conditions(measured: Measured, circumstances: Circumstances) -> str:
    loud = circumstances.others >= _QUIET
    quiet = " **The machine was not quiet: times on the clock are too long, those of a core are about right.**"
    return (
        f"{measured.events:,} events, {measured.size / measured.events:,.0f} bytes each "
        f"({measured.size / 1e9:.1f} GB). Measured on {circumstances.today.isoformat()}: {circumstances.hardware}; "
        f"other programs took {circumstances.others:.0%} of the cores meanwhile.{quiet if loud else ''} "
        f"{measured.rounds} calls per figure."
    )


def _targets(promised: Iterable[Target]) -> str:
    rows = [[each.name, each.promised, each.measured, "reached" if each.reached else "**missed**"] for each in promised]
    return table(("target", "promised", "measured", ""), rows)


def _pages(reads: Iterable[PageRead]) -> str:
    head = (
        "", "events", "first, cold", "newest p50", "p99", "p99 of a core", "anywhere p50", "p99", "p99 of a core",
    )  # fmt: skip
    return table(
        head,
        [
            [read.name, str(read.found), _ms(read.cold.clock), *_timing(read.newest), *_timing(read.anywhere)]
            for read in reads
        ],
    )


def _counts(reads: Iterable[CountRead]) -> str:
    head = ("", "events", "first, cold", "p50", "p99", "p99 of a core")
    return table(head, [[read.name, f"{read.events:,}", _ms(read.cold.clock), *_timing(read.warm)] for read in reads])


def _rest(reads: Iterable[RestRead]) -> str:
    rows = [[read.name, f"{read.size:,}", _ms(read.timing.p50), _ms(read.timing.p99)] for read in reads]
    return table(("", "bytes", "p50", "p99"), rows)


def _streams(measured: Measured) -> str:
    synced, built = measured.synced, measured.built
    rows = [
        _stream(f"`fairlead events sync` of {synced.events:,} events", synced.events, synced.seconds, synced.cpu),
        ["its sandbox alone, one page at a time", f"{synced.offered:,.0f}", ""],
        _stream("the archive's one writer, 1,000 at once", built.events, built.seconds, built.cpu),
        ["its slowest batch of 1,000", f"{built.slowest:.2f} s", ""],
        _stream("export as NDJSON", measured.export.events, measured.export.seconds, measured.export.core),
        ["verify, on all cores", f"{measured.verify.per_second:,.0f}", ""],
    ]
    return table(("", "events a second", "µs of a core each"), rows)


def _stream(name: str, events: int, seconds: float, core: float) -> list[str]:
    return [name, f"{events / seconds:,.0f}", f"{core / events * 1e6:.0f}"]


def _timing(timing: Timing) -> tuple[str, str, str]:
    return _ms(timing.p50), _ms(timing.p99), _ms(timing.core_p99)


def _ms(value: float) -> str:
    return f"{value:,.1f}"


def _at_most(name: str, promised: float, timings: Sequence[Timing]) -> Target:
    clock, core = max(each.p99 for each in timings), max(each.core_p99 for each in timings)
    return Target(
        name=name,
        promised=f"at most {promised:g} ms",
        measured=f"{clock:.1f} ms ({core:.1f} of a core)",
        reached=clock <= promised,
    )


def _at_least(name: str, promised: float, measured: float) -> Target:
    return Target(
        name=name,
        promised=f"at least {promised:,.0f} a second",
        measured=f"{measured:,.0f}",
        reached=measured >= promised,
    )
