"""What an archive claims beside its events: which time is covered, and which events it lacks; signed in checkpoints.

A checkpoint lists what was claimed since the one before it, a line each, and the hash of everything claimed so far:

    covered <organization> <from> <to>
    assumed <organization> <from> <to>
    gap <organization> <from, or - for since always> <to> <reason> <found at>
    claims sha256:<hex>

Instants are nanoseconds since 1970. What is *assumed* is older than what was covered already, and was found in the
database without being read by a run that signs: one that broke off has read it, or nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias, cast
from urllib.parse import quote, unquote

from fairlead.archive.coverage import Slice, Slices, holes, joined
from fairlead.archive.model import Gap, GapReason, OrganizationState

_WORDS = frozenset({"covered", "assumed", "gap", "claims"})

Covered: TypeAlias = Mapping[str, Slices]
"""What of time is covered, by organization."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What is covered, and the gaps, each with its organization."""

    covered: Covered = field(default_factory=dict)
    gaps: frozenset[tuple[str, Gap]] = frozenset()

    @property
    def text(self) -> str:
        """The claims as they are hashed: a line each, sorted."""
        return "".join(f"{line}\n" for line in sorted((*_covered_lines("covered", self.covered), *_gap_lines(self))))

    @property
    def digest(self) -> str:
        """The hash of all claims, as a checkpoint has it."""
        return f"sha256:{sha256(self.text.encode()).hexdigest()}"


def claims_of(states: Iterable[OrganizationState]) -> Claims:
    """What an archive in these states claims."""
    known = tuple(states)
    covered = {state.organization: joined(state.covered) for state in known if state.covered}
    return Claims(covered, frozenset((state.organization, gap) for state in known for gap in state.gaps))


def with_lines(claims: Claims, lines: Iterable[str]) -> Claims:
    """The claims together with those in the lines of a checkpoint; other lines do not matter."""
    covered, gaps = dict(claims.covered), set(claims.gaps)
    for line in lines:
        match line.split(" "):
            case ["covered" | "assumed", name, start, end]:
                organization = unquote(name)
                covered[organization] = joined((*covered.get(organization, ()), Slice(int(start), int(end))))
            case ["gap", name, start, end, reason, found_at]:
                begin = None if start == "-" else int(start)
                gaps.add((unquote(name), Gap(begin, int(end), cast("GapReason", reason), int(found_at))))
            case _:
                pass
    return Claims(covered, frozenset(gaps))


def new_lines(before: Claims, now: Claims, read: Covered | None) -> tuple[str, ...]:
    """The lines of a checkpoint that claim what was not claimed before; `read` is what its run has read, if told."""
    added = beyond(now.covered, before.covered)
    # Newer time may have been read by runs that had nothing else to sign.
    assumed = {} if read is None else beyond(before_the_end(added, before.covered), read)
    gaps = Claims(gaps=now.gaps - before.gaps)
    lines = (
        *_covered_lines("covered", beyond(added, assumed)),
        *_covered_lines("assumed", assumed),
        *sorted(_gap_lines(gaps)),
    )
    return (*lines, f"claims {with_lines(before, lines).digest}")


def beyond(covered: Covered, other: Covered) -> Covered:
    """What is covered in the first, and not in the second."""
    found = {
        organization: tuple(hole for each in slices for hole in holes(other.get(organization, ()), each))
        for organization, slices in covered.items()
    }
    return {organization: slices for organization, slices in found.items() if slices}


def together(read: Covered | None, other: Covered) -> Covered | None:
    """What is covered in either; None, which stands for everything, stays what it is."""
    if read is None:
        return None
    names = {*read, *other}
    return {name: joined((*read.get(name, ()), *other.get(name, ()))) for name in names}


def covered_in(text: str) -> Covered:
    """What a checkpoint's text says was read."""
    return with_lines(Claims(), (line for line in claims_lines(text) if line.startswith("covered "))).covered


def before_the_end(covered: Covered, of: Covered) -> Covered:
    """What of it lies before the end of what `of` covers of the organization: what no newer time explains."""
    found = {
        organization: tuple(
            Slice(each.start, min(each.end, of[organization][-1].end))
            for each in slices
            if organization in of and each.start < of[organization][-1].end
        )
        for organization, slices in covered.items()
    }
    return {organization: slices for organization, slices in found.items() if slices}


def claims_lines(text: str) -> tuple[str, ...]:
    """The lines of a checkpoint's text that claim something."""
    return tuple(line for line in text.partition("\n\n")[0].split("\n")[3:] if line.partition(" ")[0] in _WORDS)


def _covered_lines(word: str, covered: Covered) -> tuple[str, ...]:
    return tuple(
        f"{word} {quote(organization, safe='')} {each.start} {each.end}"
        for organization, slices in sorted(covered.items())
        for each in slices
    )


def _gap_lines(claims: Claims) -> tuple[str, ...]:
    return tuple(
        f"gap {quote(organization, safe='')} {'-' if gap.start is None else gap.start} {gap.end} {gap.reason} "
        f"{gap.found_at}"
        for organization, gap in claims.gaps
    )
