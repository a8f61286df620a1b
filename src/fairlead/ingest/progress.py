"""What a run says while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.archive.coverage import Slices
from fairlead.archive.model import Gap, Kept
from fairlead.errors import FairleadError


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: nanoseconds of time read of those to be read, what was kept, what it waits for.

    `covered` is the time whose events it has kept.
    """

    organization: str
    done: int
    whole: int
    kept: Kept
    requests: int
    waiting: float = 0.0
    reason: str = ""
    covered: Slices = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run brought about; `unsigned` is what kept its checkpoint from being written, if anything did."""

    organization: str
    kept: Kept
    requests: int
    seconds: float
    gaps: tuple[Gap, ...]
    covered: Slices
    events: int
    unsigned: FairleadError | None = None


Report = Callable[[Progress], None]
