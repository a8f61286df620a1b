"""Where an archive is, and what belongs to it: its key, and the folder of its checkpoints outside of it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.archive.checkpoint_files import public_key_beside, read_public_key_file
from fairlead.archive.keys import ArchiveKey, archive_name, key_from_text, read_key, read_or_make_key
from fairlead.archive.public_keys import PublicKey, read_public_key
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveUnusable, ConfigurationError
from fairlead.settings import Secret, Settings

_POSTGRES = frozenset({"postgresql", "postgres"})
_FINGERPRINT = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An archive's file, or the URL of its database; a key given as text stands before the one of the file."""

    file: Path | None
    url: Secret | None
    key_file: Path
    checkpoints: Path
    key: Secret | None = field(default=None, repr=False)


def place_of(named: str, settings: Settings) -> Place:
    """The place that a command line or `FAIRLEAD_ARCHIVE` names: a file, or `postgresql://…`; without either our own.

    Raises ConfigurationError for a URL of anything else.
    """
    text = named or settings.archive or str(settings.data_home / "archive.db")
    scheme = urlsplit(text).scheme if "://" in text else ""
    if scheme and scheme not in _POSTGRES:
        raise ConfigurationError(
            f"`{scheme}://` is no archive.", remedy="Name a file for SQLite, or give `postgresql://…`."
        )
    beside = settings.data_home / "postgresql" if scheme else Path(text).absolute()
    return Place(
        file=None if scheme else Path(text).absolute(),
        url=Secret(text) if scheme else None,
        key_file=Path(settings.archive_key_file or f"{beside}.key"),
        checkpoints=Path(settings.checkpoints or f"{beside}.checkpoints"),
        key=settings.archive_key,
    )


def own_place(settings: Settings, *, sandbox: bool) -> Place:
    """The place nobody named; what is made up gets one of its own, because nothing ever leaves an archive."""
    named = str(settings.data_home / "sandbox.db") if sandbox and not settings.archive else ""
    return place_of(named, settings)


def key_of(place: Place, archive: Archive) -> ArchiveKey:
    """The archive's own key; an archive that has none yet gets the one given, or a new one.

    Raises ArchiveUnusable for another key than the archive was written with: nothing could be compared or proven.
    """
    written_with = archive.property(_FINGERPRINT)
    key = _given_key(place, is_new=written_with is None)
    fingerprint = written_with or archive.property(_FINGERPRINT, key.fingerprint.encode()) or b""
    if fingerprint.decode() != key.fingerprint:
        raise ArchiveUnusable(
            f"The archive {archive.name} was written with another key ({fingerprint.decode()}, not {key.fingerprint}).",
            remedy="Give the key it was written with: FAIRLEAD_ARCHIVE_KEY, or FAIRLEAD_ARCHIVE_KEY_FILE.",
        )
    return key


def public_key_of_place(place: Place, archive: Archive, given: str = "") -> PublicKey:
    """The key to verify an archive with: the one given (or a file that holds it), its own, or the one made public.

    The one made public lies with the checkpoints; who can replace these can replace it, too. Nothing is made. Raises
    ArchiveUnusable for the key of another archive.
    """
    own = None if given else _own_public_key(place) or public_key_beside(place.checkpoints)
    public_key = given_public_key(given) if given else own
    if public_key is None:
        raise ConfigurationError(
            f"There is no key to verify {archive.name} with.",
            remedy="Give the one that was published: `--public-key NAME+ID+KEY`.",
        )
    fingerprint = (archive.property(_FINGERPRINT) or b"").decode("utf-8", "replace")
    if public_key.name != archive_name(fingerprint):
        raise ArchiveUnusable(
            f"The archive {archive.name} says that it is {archive_name(fingerprint)}; the key is of {public_key.name}.",
            remedy="Give the key that was published for this archive; if you do, its database was changed.",
        )
    return public_key


def given_public_key(given: str) -> PublicKey:
    """The public key that a text is, or that a file of this name holds; ConfigurationError for anything else."""
    return read_public_key(given) if "+" in given else read_public_key_file(Path(given))


def _own_public_key(place: Place) -> PublicKey | None:
    if place.key is not None:
        return key_from_text(place.key.reveal()).public_key
    # Who only verifies has no access to the secret, and needs none.
    return read_key(place.key_file).public_key if os.access(place.key_file, os.R_OK) else None


def _given_key(place: Place, *, is_new: bool) -> ArchiveKey:
    if place.key is not None:
        return key_from_text(place.key.reveal())
    if is_new:
        with contextlib.suppress(OSError):  # the key says what is wrong with its folder
            place.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return read_or_make_key(place.key_file)
    try:
        return read_key(place.key_file)
    except FileNotFoundError:
        raise ConfigurationError(
            f"The archive's key is not at {place.key_file}.",
            remedy="Restore it, or say where it is: FAIRLEAD_ARCHIVE_KEY_FILE, or FAIRLEAD_ARCHIVE_KEY itself.",
        ) from None
