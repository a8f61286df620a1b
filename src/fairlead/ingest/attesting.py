"""Signs what the log has become, and puts the signature where nobody who changes the database reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fairlead.archive.checkpoint_files import write_checkpoint, write_public_key
from fairlead.archive.checkpoints import Checkpoint, extensions_of, read_checkpoint, sign
from fairlead.archive.claims import (
    Claims,
    Covered,
    before_the_end,
    beyond,
    claims_lines,
    claims_of,
    covered_in,
    new_lines,
    together,
    with_lines,
)
from fairlead.archive.keys import ArchiveKey
from fairlead.archive.merkle import root
from fairlead.archive.public_keys import PublicKey
from fairlead.archive.store import Archive
from fairlead.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Attester:
    """The archive's key, and the folder outside of it where checkpoints go."""

    key: ArchiveKey
    folder: Path

    @property
    def public_key(self) -> PublicKey:
        """What others check the signatures with."""
        return self.key.public_key


def attest(
    attester: Attester, archive: Archive, wall: float, run: str, read: Covered | None = None
) -> Checkpoint | None:
    """Sign the log and what the archive claims, first within it and then outside; None when there is nothing to sign.

    There is if the log has grown, if a gap was found, or if time was read that lies before what is covered already:
    newer time is signed for with the next event. `read` is the time that the run has read, when it knows.
    Checkpoints that an earlier run could not write outside are written now.
    """
    made = _made(attester, archive, (wall, run), read)
    if made is not None:
        archive.add_checkpoint(made.size, sign(made, attester.key.signing_key))
    _write_outside(attester, archive)
    return made


def _made(attester: Attester, archive: Archive, when: tuple[float, str], read: Covered | None) -> Checkpoint | None:
    frontier = archive.frontier()
    texts = archive.checkpoints()
    newest = read_checkpoint(texts[-1], attester.public_key) if texts else None
    if not frontier.size or (newest is not None and newest.size > frontier.size):
        return None
    now = claims_of(map(archive.state, archive.organizations()))
    if newest is not None and newest.size == frontier.size:
        if not _is_more(_claimed(texts), now):
            return None
        # The new one takes its place, and claims what it did as well.
        read = together(read, covered_in(texts.pop()))
    wall, run = when
    made = extensions_of(datetime.fromtimestamp(wall, UTC), run)
    return Checkpoint(
        origin=attester.public_key.name,
        size=frontier.size,
        root=root(frontier),
        extensions=(*made, *new_lines(_claimed(texts), now, read)),
    )


def _claimed(texts: list[str]) -> Claims:
    """What some checkpoints claim; whoever verifies them sees from their hashes whether one is missing."""
    return with_lines(Claims(), (line for text in texts for line in claims_lines(text)))


def _is_more(before: Claims, now: Claims) -> bool:
    """Whether more is claimed than newer time."""
    older = before_the_end(beyond(now.covered, before.covered), before.covered)
    return bool(now.gaps - before.gaps or older or now.covered.keys() - before.covered.keys())


def _write_outside(attester: Attester, archive: Archive) -> None:
    folder = attester.folder
    try:
        folder.mkdir(exist_ok=True)
        there = {path.name for path in folder.iterdir()}
    except OSError as failure:
        raise ConfigurationError(
            f"The folder of checkpoints {folder} cannot be used: {failure.strerror}.",
            remedy="Name another with FAIRLEAD_CHECKPOINTS, on another disk if there is one.",
        ) from failure
    write_public_key(folder, attester.public_key)
    texts = archive.checkpoints()
    for text in texts:
        size = int(text.split("\n")[1])
        # The newest may claim more than one of its size that is there.
        if text is texts[-1] or f"{size:020d}.checkpoint" not in there:
            write_checkpoint(folder, size, text)
