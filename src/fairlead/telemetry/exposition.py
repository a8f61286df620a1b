"""Numbers as the text that Prometheus reads, in its own form and in OpenMetrics'.

Written here, because prometheus_client holds the event loop for 200 ms where this takes 30 (700 operations in use).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from fairlead.telemetry.families import BUCKETS, FAMILIES, Family
from fairlead.telemetry.series import Labels, Series

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_BOUNDS = tuple(f'le="{bound}"' for bound in (*BUCKETS, "+Inf"))


def exposed(series: Series, accept: str = "") -> tuple[str, bytes]:
    """The media type and the text: OpenMetrics for who accepts it, else Prometheus' older form."""
    openmetrics = "application/openmetrics-text" in accept
    lines: list[str] = []
    for family in FAMILIES.values():
        # OpenMetrics calls a counter by what its samples are called without their ending.
        name = family.name.removesuffix("_total") if openmetrics else family.name
        lines += (f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}")
        lines += _histograms(family, series) if family.kind == "histogram" else _numbers(family, series)
    lines.append("# EOF\n" if openmetrics else "")
    return OPENMETRICS if openmetrics else PROMETHEUS, "\n".join(lines).encode("utf-8", "replace")


def _numbers(family: Family, series: Series) -> Iterator[str]:
    for labels, number in series.numbers[family.name].items():
        text = _labelled(family, labels)
        yield f"{family.name}{{{text}}} {number}" if text else f"{family.name} {number}"


def _histograms(family: Family, series: Series) -> Iterator[str]:
    for labels, (*counts, total) in series.histograms[family.name].items():
        text = _labelled(family, labels)
        sums = list(accumulate(counts))
        if sums[-1]:
            for bound, number in zip(_BOUNDS, sums, strict=True):
                yield f"{family.name}_bucket{{{text},{bound}}} {number}"
            yield f"{family.name}_count{{{text}}} {sums[-1]}"
            yield f"{family.name}_sum{{{text}}} {total}"


def _labelled(family: Family, labels: Labels) -> str:
    return ",".join(
        [f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(family.labels, labels, strict=True)]
    )
