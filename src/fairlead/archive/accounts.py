"""Holds what an archive claims now, its coverage and its gaps, against what was signed: gaps stay, coverage grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from fairlead.archive.checkpoints import Checkpoint
from fairlead.archive.claims import Claims, Covered, before_the_end, beyond, with_lines
from fairlead.archive.contract import instant_text
from fairlead.archive.model import Gap
from fairlead.archive.verification import Damage, DamageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is wrong with the claims, what is covered and not signed for, and what was signed without being read."""

    damages: tuple[Damage, ...]
    unsigned: Covered
    assumed: Covered


def accounts(checkpoints: Iterable[Checkpoint], now: Claims, *, is_attested: bool) -> Account:
    """Compare claims with those of checkpoints, given by size; `is_attested` when these cover every event.

    What is covered beyond the end of what was signed for is newer and waits for the next event. What is covered
    before it was either read by a run that broke off, which leaves events without a checkpoint, or by nobody.
    """
    signed, damage, assumed = _signed(checkpoints)
    unsigned = beyond(now.covered, signed.covered)
    damages = [*([damage] if damage else ()), *_lost(signed, now)]
    if is_attested:
        damages += _never_read(before_the_end(unsigned, signed.covered))
    return Account(damages=tuple(damages), unsigned=unsigned, assumed=assumed)


def _signed(checkpoints: Iterable[Checkpoint]) -> tuple[Claims, Damage | None, Covered]:
    """Everything that was signed for, and the first checkpoint that builds on another which is not there."""
    signed, assumed = Claims(), Claims()
    damage: Damage | None = None
    for size, group in groupby(checkpoints, key=lambda checkpoint: checkpoint.size):
        before = signed
        for checkpoint in group:
            digest = checkpoint.extension("claims")
            claimed = with_lines(before, checkpoint.extensions)
            if digest is not None and digest != claimed.digest:
                message = f"The checkpoint of {size:,} events builds on one before it that is not there any more."
                damage = damage or Damage(kind=DamageKind.CLAIMS, message=message)
            signed = with_lines(signed, checkpoint.extensions)
            assumed = with_lines(assumed, (each for each in checkpoint.extensions if each.startswith("assumed ")))
    return signed, damage, assumed.covered


def _lost(signed: Claims, now: Claims) -> Iterator[Damage]:
    # A gap that goes on becomes longer, and is the same one.
    ends = {(organization, gap.start, gap.reason, gap.found_at): gap.end for organization, gap in now.gaps}
    for organization, gap in sorted(signed.gaps - now.gaps, key=lambda each: (each[1].end, each[0])):
        if ends.get((organization, gap.start, gap.reason, gap.found_at), -1) >= gap.end:
            continue
        message = f"The gap {_span(gap)} of {organization}, which was signed for, is not recorded any more."
        yield Damage(kind=DamageKind.GAP, message=message)
    for organization, slices in beyond(signed.covered, now.covered).items():
        said = f"{instant(slices[0].start)} to {instant(slices[-1].end)}"
        message = f"Time of {organization} from {said} was signed for as covered, and is not any more."
        yield Damage(kind=DamageKind.COVERAGE, message=message)


def _never_read(older: Covered) -> Iterator[Damage]:
    for organization, slices in older.items():
        said = f"{instant(slices[0].start)} to {instant(slices[-1].end)}"
        message = f"Time of {organization} from {said} counts as covered, and no checkpoint says that it was read."
        yield Damage(kind=DamageKind.COVERAGE, message=message)


def _span(gap: Gap) -> str:
    return f"from {'the beginning' if gap.start is None else instant(gap.start)} to {instant(gap.end)}"


def instant(nanos: int) -> str:
    """An instant for a person, to the microsecond; one that no calendar has as nanoseconds."""
    try:
        return instant_text(nanos // 1_000)
    except (ValueError, OverflowError, OSError):
        return f"{nanos} ns"
