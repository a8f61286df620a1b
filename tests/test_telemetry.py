"""What a server tells of itself in records and metrics: bounded, and without what a caller wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from fairlead.telemetry.archive_metrics import MOST_ORGANIZATIONS, ArchiveMetrics, Standing
from fairlead.telemetry.families import FAMILIES
from fairlead.telemetry.metrics import OperationMetrics, UpstreamMetrics
from fairlead.telemetry.registry import MOST_OPERATIONS, Metrics, open_metrics, retire

ROOT = Path(__file__).resolve().parent.parent
TRACE = "0af7651916cd43dd8448eb211c80319c"
Labels = frozenset[tuple[str, str]]


def samples(metrics: Metrics, *, openmetrics: bool = False) -> dict[tuple[str, Labels], float]:
    """What a scrape of these metrics reads, by the parsers of Prometheus' own client."""
    _, text = metrics.exposition("application/openmetrics-text; version=1.0.0" if openmetrics else "")
    families = (openmetrics_families if openmetrics else prometheus_families)(text.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One number of a scrape."""
    return samples(metrics).get((name, frozenset(labels.items())))


def used_metrics() -> Metrics:
    """Metrics in which every family has a number."""
    metrics = open_metrics(version="1.2.3")
    upstream = metrics.upstream("qovery")
    metrics.operation("list-events", "rest").finished("200", 0.02)
    metrics.operation("list-events", "mcp").finished("ok", 0.4)
    upstream.answered(200, 0.3)
    upstream.failed("UpstreamTimeout")
    upstream.budget(40, 100, 1_795_000_000.0)
    metrics.connections("rest", lambda: 7)
    metrics.reloaded("success", 1_795_000_000.0)
    archive = ArchiveMetrics(metrics.series)
    archive.show([Standing("o-1", 5, 1, 1_795_000_000.0, 1_795_000_000.0, 600.0, 500.0, 2, True)], {"origin": 1})
    return metrics


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_scrape_reads_what_was_counted(openmetrics: bool) -> None:
    """Both text forms are what Prometheus' own parsers take, and say the same."""
    metrics = used_metrics()
    upstream = metrics.upstream("qovery")
    upstream.refused("budget")
    upstream.breaker("open")
    upstream.running(3, 2)
    for count in (upstream.retried, upstream.coalesced, upstream.cached):
        count()
        count()
    read = samples(metrics, openmetrics=openmetrics)

    def number(name: str, **labels: str) -> float:
        return read[name, frozenset(labels.items())]

    assert number("fairlead_requests_total", adapter="rest", operation="list-events", outcome="200") == 1
    buckets = [
        number("fairlead_request_duration_seconds_bucket", adapter="mcp", operation="list-events", le=bound)
        for bound in ("0.25", "0.5", "60.0", "+Inf")
    ]
    assert buckets == [0, 1, 1, 1]
    assert number("fairlead_request_duration_seconds_sum", adapter="mcp", operation="list-events") == 0.4
    assert number("fairlead_upstream_answers_total", upstream="qovery", status="200") == 1
    slow = [
        number("fairlead_upstream_answer_duration_seconds_bucket", upstream="qovery", le=le) for le in ("0.25", "0.5")
    ]
    assert slow == [0, 1]
    assert number("fairlead_upstream_failures_total", upstream="qovery", kind="UpstreamTimeout") == 1
    assert number("fairlead_upstream_refused_total", upstream="qovery", reason="budget") == 1
    assert number("fairlead_upstream_refused_total", upstream="qovery", reason="busy") == 0
    for name in ("retries", "coalesced", "cached"):
        assert number(f"fairlead_upstream_{name}_total", upstream="qovery") == 2
    states = [number("fairlead_upstream_breaker", upstream="qovery", state=s) for s in ("closed", "half-open", "open")]
    assert states == [0, 0, 1]
    assert number("fairlead_upstream_running_calls", upstream="qovery") == 3
    assert number("fairlead_upstream_budget_remaining", upstream="qovery") == 40
    assert number("fairlead_connections", adapter="rest") == 7
    assert number("fairlead_build_info", version="1.2.3") == 1
    assert number("process_resident_memory_bytes") > 1e6
    assert number("process_cpu_seconds_total") > 0


@given(st.integers(), st.text(), st.text())
def test_nothing_a_stranger_says_becomes_a_label(status: int, outcome: str, kind: str) -> None:
    """The label of an unknown word is `other`."""
    upstream, operation = UpstreamMetrics("u"), OperationMetrics("o", "rest")
    upstream.answered(status, 0.1)
    upstream.failed(kind)
    operation.finished(outcome, 0.1)
    labels = [labels for each in (upstream, operation) for family in each.series.numbers.values() for labels in family]
    known = {"u", "o", "rest", "other", "ok", "error", "cancelled", "closed", "half-open", "open", "busy", "resting"}
    words = {word for each in labels for word in each} - known - {"budget"}
    assert all(re.fullmatch(r"[1-5]\d\d|Upstream[A-Za-z]+|BudgetSpent", word) for word in words), words


@given(st.text())
def test_any_name_of_a_document_can_be_scraped(name: str) -> None:
    """Quotes, line breaks and backslashes in a name stay inside their label."""
    metrics = open_metrics(version="1")
    metrics.operation(name, "rest").finished("200", 0.1)
    _, text = metrics.exposition()
    assert text.decode().count("\nfairlead_requests_total{") == 1
    assert {line[0] for line in text.decode().split("\n") if line} <= {"#", "f", "p"}


def test_operations_beyond_the_first_two_thousand_share_a_label() -> None:
    """However many operations there are, a scrape stays bounded."""
    metrics = open_metrics(version="1")
    for number in range(MOST_OPERATIONS + 50):
        metrics.operation(f"operation-{number}", "rest").finished("200", 0.1)
    metrics.operation("operation-1", "mcp").finished("ok", 0.1)
    names = {labels[1] for labels in metrics.series.numbers["fairlead_requests_total"]}
    assert len(names) == MOST_OPERATIONS + 1
    requests = metrics.series.numbers["fairlead_requests_total"]
    assert requests["rest", "other", "200"] == 50
    assert requests["mcp", "operation-1", "ok"] == 1


def test_organizations_beyond_the_first_hundred_share_a_label_that_hides_no_trouble() -> None:
    """A scrape stays bounded, and a gap, a stall or little headroom of any of them still shows."""
    metrics = open_metrics(version="1")
    archive = ArchiveMetrics(metrics.series)
    good = [Standing(f"o-{number}", events=1, headroom=900.0) for number in range(MOST_ORGANIZATIONS + 5)]
    bad = Standing("bad", events=1, gaps=2, headroom=-5.0, failed=3, stalled=True)
    metrics.before_reading(lambda: archive.show([*good, bad], {}))
    expected = {"events_total": 6, "gaps_total": 2, "retention_headroom_seconds": -5, "sync_failures_total": 3}
    for _ in range(2):
        for name, number in {**expected, "stalled": 1}.items():
            assert value(metrics, f"fairlead_archive_{name}", organization="other") == number
    labels = {dict(labels).get("organization") for name, labels in samples(metrics) if "archive_events" in name}
    assert len(labels) == MOST_ORGANIZATIONS + 1


def test_of_the_archive_every_worker_tells_the_same(tmp_path: Path) -> None:
    """Two workers that know of a gap make one gap; what each failed to do itself is added up."""
    standing = Standing("o", events=7, gaps=1, failed=2)
    for number in (0, 1):
        metrics = open_metrics(version="1", shared=tmp_path, worker=number)
        ArchiveMetrics(metrics.series).show([standing], {"origin": 1})
        metrics.publish()
    assert value(metrics, "fairlead_archive_gaps_total", organization="o") == 1
    assert value(metrics, "fairlead_archive_unseen_values_total", field="origin") == 1
    assert value(metrics, "fairlead_archive_sync_failures_total", organization="o") == 4


STEPS = st.lists(st.tuples(st.sampled_from(("count", "publish", "die", "scrape")), st.integers(0, 2)), max_size=40)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_a_counter_never_falls_whichever_worker_answers(steps: list[tuple[str, int]]) -> None:
    """Workers count, die and are replaced; no scrape shows less than one before it, and none more than was counted."""
    with tempfile.TemporaryDirectory() as folder:
        shared, counted, seen = Path(folder), 0, 0.0
        workers = [open_metrics(version="1", shared=shared, worker=number) for number in range(3)]
        for step, number in steps:
            if step == "count":
                workers[number].operation("o", "rest").finished("200", 0.1)
                counted += 1
            elif step == "publish":
                workers[number].publish()
            elif step == "die":
                retire(shared, number)
                workers[number] = open_metrics(version="1", shared=shared, worker=number)
            else:
                read = samples(workers[number])
                total = sum(number for (name, _), number in read.items() if name == "fairlead_requests_total")
                timed = [
                    number for (name, _), number in read.items() if name.endswith("request_duration_seconds_count")
                ]
                assert seen <= total <= counted
                assert sum(timed) == total
                seen = total


def test_every_worker_answers_for_all(tmp_path: Path) -> None:
    """Counters are sums, gauges those of the living, and of a rate limit the latest news is believed."""
    one, two = (open_metrics(version="1", shared=tmp_path, worker=number) for number in (0, 1))
    for metrics, calls, left, reset in ((one, 2, 90, 2_000.0), (two, 3, 100, 9_000.0)):
        upstream = metrics.upstream("u")
        upstream.running(calls, 0)
        upstream.budget(left, 1_000, reset)
        upstream.answered(200, 0.5)
        metrics.publish()
    for metrics in (one, two):
        assert value(metrics, "fairlead_workers") == 2
        assert value(metrics, "fairlead_upstream_answers_total", upstream="u", status="200") == 2
        assert value(metrics, "fairlead_upstream_answer_duration_seconds_count", upstream="u") == 2
        assert value(metrics, "fairlead_upstream_running_calls", upstream="u") == 5
        assert value(metrics, "fairlead_upstream_budget_remaining", upstream="u") == 100
        assert value(metrics, "fairlead_upstream_budget_reset_timestamp_seconds", upstream="u") == 9_000
    retire(tmp_path, 1)
    assert value(one, "fairlead_workers") == 1
    assert value(one, "fairlead_upstream_running_calls", upstream="u") == 2
    assert value(one, "fairlead_upstream_answers_total", upstream="u", status="200") == 2


def test_counts_of_a_killed_process_stay(tmp_path: Path) -> None:
    """What a worker published outlives a SIGKILL, and the one in its place goes on from there."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from fairlead.telemetry.registry import open_metrics\n"
        "metrics = open_metrics(version='1', shared=Path(sys.argv[1]), worker=1)\n"
        "for _ in range(1000): metrics.operation('o', 'rest').finished('200', 0.1)\n"
        "metrics.publish()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    metrics = open_metrics(version="1", shared=tmp_path, worker=0)
    assert value(metrics, "fairlead_requests_total", adapter="rest", operation="o", outcome="200") == 2_000


def test_a_folder_that_is_gone_costs_only_the_others_numbers(tmp_path: Path) -> None:
    """A full or missing disk stops neither the server nor the scrape."""
    metrics = open_metrics(version="1", shared=tmp_path / "none", worker=0)
    metrics.publish()
    assert value(metrics, "fairlead_workers") == 1


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist() -> None:
    """A metric that is renamed must not leave an empty panel or an alert that cannot fire."""
    board = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy/prometheus-rules.yaml").read_text())["groups"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    asked += [variable["definition"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    alerts = [rule for group in rules for rule in group["rules"]]
    asked += [rule["expr"] for rule in alerts]
    scraped = samples(used_metrics())
    names = {name for name, _ in scraped}
    found = [re.findall(r"\b(?:fairlead|process)_\w+", expression) for expression in asked]
    assert all(found)
    assert {name for each in found for name in each} - names == set()
    shown = " ".join(asked)
    assert [name for name in FAMILIES if name not in shown] == []
    labels = {name for _, labels in scraped for name, _ in labels} | {"instance"}
    assert {name for each in asked for name in re.findall(r'(\w+)(?:=~|!=|=)"', each)} <= labels
    assert all(set(rule) <= {"alert", "expr", "for", "labels", "annotations"} for rule in alerts)
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in alerts)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """Its panels are told apart, lie on the grid, and name no data source of one Grafana."""
    board = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    assert board["schemaVersion"] >= 39
    assert "id" not in board
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps({**board, "uid": ""}))
    assert set(sources) == {"", "${datasource}"}
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_every_metric_is_documented() -> None:
    """docs/telemetry.md has exactly the metrics, with their kind, labels and meaning."""
    lines = (ROOT / "docs/telemetry.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| `")]
    told = {cells[0].strip("`"): (cells[1], cells[2].replace("`", ""), cells[4]) for cells in rows if len(cells) == 5}
    assert told == {f.name: (f.kind, ", ".join(f.labels), f.help) for f in FAMILIES.values()}


HOSTILE = ("\x1b[31mred", "a\nb", '"}', "\u202eabc", "\ud800", "\x9b1m", "\u2028", "é", "\x00")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_record_is_one_printable_line_that_names_its_request(form: str) -> None:
    """Whatever stands in a value, a record can neither drive a terminal nor look like two."""
    code = (
        "import sys\n"
        "from fairlead.telemetry.records import configure_logging, record\n"
        "from fairlead.telemetry.requests import RequestIdentity, begin\n"
        f"configure_logging(colours=False, form={form!r})\n"
        "record('before')\n"
        f"begin(RequestIdentity('r-1', '00-{TRACE}-b7ad6b7169203331-01'))\n"
        f"for text in {HOSTILE!r}: record('upstream failed', detail=text, count=3)\n"
        "record('beyond JSON', count=2**70)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    first, *lines = done.stderr.decode().removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines[: len(HOSTILE)] if "r-1" not in line or TRACE not in line] == []
    assert "request_id" not in first
    if form == "json":
        assert len(lines) == len(HOSTILE)
        read = json.loads(lines[0])
        assert list(read)[:3] == ["timestamp", "level", "event"]
        fixed = {"level": "warning", "event": "upstream failed", "count": 3, "request_id": "r-1", "trace_id": TRACE}
        assert read == {**fixed, "timestamp": read["timestamp"], "detail": "\\x1b[31mred"}
        documented = re.findall(r"^\| `(\w+)` \|[^|]+\|$", (ROOT / "docs/telemetry.md").read_text(), re.MULTILINE)
        assert documented[:5] == ["timestamp", "level", "event", "request_id", "trace_id"]
        assert set(documented[:5]) <= set(read)
