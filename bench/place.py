"""What the measurements of one run share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.upstream import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Two cores, a folder for what programs write, and the page the upstream answers."""

    gateway_core: int
    load_core: int
    folder: Path
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    seconds: int
    starts: int

    def __str__(self) -> str:
        return (
            f"Medians of {self.rounds} interleaved rounds of {self.seconds} s per figure; starts: {self.starts} each."
        )
