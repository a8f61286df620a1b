"""Signs what the log has become, and puts the signature where nobody who changes the database reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fairlead.archive.checkpoint_files import write_checkpoint
from fairlead.archive.checkpoints import Checkpoint, extensions_of, read_checkpoint, sign
from fairlead.archive.keys import ArchiveKey
from fairlead.archive.merkle import root
from fairlead.archive.public_keys import PublicKey, public_key_of
from fairlead.archive.store import Archive
from fairlead.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Attester:
    """The archive's key, and the folder outside of it where checkpoints go."""

    key: ArchiveKey
    folder: Path

    @property
    def public_key(self) -> PublicKey:
        """What others check the signatures with; its name stands for the archive."""
        return public_key_of(f"fairlead.archive/{self.key.fingerprint}", self.key.signing_key)


def attest(attester: Attester, archive: Archive, wall: float, run: str) -> Checkpoint | None:
    """Sign the log if it has grown, first within the archive and then outside; None when there is nothing to sign.

    Checkpoints that an earlier run could not write outside are written now.
    """
    public = attester.public_key
    frontier = archive.frontier()
    known = [read_checkpoint(text, public) for text in archive.checkpoints()]
    made = None
    if frontier.size and (not known or known[-1].size < frontier.size):
        extensions = extensions_of(datetime.fromtimestamp(wall, UTC), run)
        made = Checkpoint(origin=public.name, size=frontier.size, root=root(frontier), extensions=extensions)
        archive.add_checkpoint(made.size, sign(made, attester.key.signing_key))
    _write_outside(attester.folder, archive)
    return made


def _write_outside(folder: Path, archive: Archive) -> None:
    try:
        folder.mkdir(exist_ok=True)
        there = {path.name for path in folder.iterdir()}
    except OSError as failure:
        raise ConfigurationError(
            f"The folder of checkpoints {folder} cannot be used: {failure.strerror}.",
            remedy="Name another with FAIRLEAD_CHECKPOINTS, on another disk if there is one.",
        ) from failure
    for text in archive.checkpoints():
        size = int(text.split("\n")[1])
        if f"{size:020d}.checkpoint" not in there:
            write_checkpoint(folder, size, text)
