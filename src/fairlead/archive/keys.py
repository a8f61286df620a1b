"""The archive's key: one secret, from which come the key of tags, the key that signs checkpoints, and a public id."""

from __future__ import annotations

import os
import re
import secrets
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fairlead.archive.durable_files import create
from fairlead.archive.public_keys import PublicKey, decoded, public_key_of
from fairlead.errors import ConfigurationError

_PREFIX = "fairlead-archive-key-1:"
_SECRET_SIZE = 32
_FINGERPRINT_SIZE = 8
_MOST_BYTES = 4_096
_ONLY_OWNER = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LINE = re.compile(rf"{_PREFIX}(?P<secret>\S*)")


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """What is derived from an archive's secret; only `fingerprint` and `public_key` may be shown."""

    fingerprint: str
    tag_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def public_key(self) -> PublicKey:
        """What others check the archive's signatures with; its name stands for the archive."""
        return public_key_of(archive_name(self.fingerprint), self.signing_key)


def archive_name(fingerprint: str) -> str:
    """The name under which an archive whose key has this fingerprint signs."""
    return f"fairlead.archive/{fingerprint}"


def key_from_text(text: str) -> ArchiveKey:
    """The key that one line of text holds, as key files and `FAIRLEAD_ARCHIVE_KEY` have it."""
    line = text.strip()
    if not line:
        raise _unusable("is empty")
    match = _LINE.fullmatch(line)
    if match is None:
        raise _unusable(f"is not one line that begins with `{_PREFIX}`")
    secret = decoded(match["secret"])
    if secret is None or len(secret) != _SECRET_SIZE:
        raise _unusable(f"is damaged: after `{_PREFIX}` it needs {_SECRET_SIZE} bytes in base64")
    return _derived(secret)


def read_key(path: Path) -> ArchiveKey:
    """The key in a file that nobody but its owner can read; FileNotFoundError when there is none."""
    try:
        return key_from_text(_private_text(path))
    except FileNotFoundError:
        raise
    except OSError as failure:
        raise _file_unusable(path, f"cannot be read: {failure.strerror}") from failure
    except ConfigurationError as refusal:
        raise ConfigurationError(f"{path}: {refusal.public}", remedy=refusal.remedy) from None


def read_or_make_key(path: Path) -> ArchiveKey:
    """The key in a file, which is made when there is none; of processes that make it at once, all get the same."""
    try:
        return read_key(path)
    except FileNotFoundError:
        _make(path)
    try:
        return read_key(path)
    except FileNotFoundError as failure:
        raise _file_unusable(path, "was removed while it was made, or is a link to nothing") from failure


def _make(path: Path) -> None:
    line = f"{_PREFIX}{b64encode(secrets.token_bytes(_SECRET_SIZE)).decode()}\n"
    try:
        create(path, line.encode(), mode=_ONLY_OWNER)
    except FileExistsError:
        return  # another process was faster, and its key is the key
    except OSError as failure:
        raise _file_unusable(path, f"cannot be made: {failure.strerror}") from failure


def _private_text(path: Path) -> str:
    with open(path, "rb", opener=_without_waiting) as file:  # what is opened is what is judged
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise _unusable("is no file")
        if mode & _OTHERS:
            raise ConfigurationError(
                f"The archive's key can be used by others: its mode is {stat.S_IMODE(mode):04o}.",
                remedy="Run `chmod 600` on the file; if others may have read it, its checkpoints prove nothing.",
            )
        return file.read(_MOST_BYTES).decode("ascii", "replace")


def _without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would otherwise wait for its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def _derived(secret: bytes) -> ArchiveKey:
    return ArchiveKey(
        fingerprint=_expanded(secret, b"fingerprint", _FINGERPRINT_SIZE).hex(),
        tag_key=_expanded(secret, b"tags"),
        signing_key=Ed25519PrivateKey.from_private_bytes(_expanded(secret, b"checkpoints")),
    )


def _expanded(secret: bytes, purpose: bytes, size: int = _SECRET_SIZE) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=_PREFIX.encode() + purpose).derive(secret)


def _unusable(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The archive's key {what}.",
        remedy="Restore it from where you keep it: without it, what was stored can be neither tagged nor proven.",
    )


def _file_unusable(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The archive's key file {path} {what}.",
        remedy="Name a file in a directory that exists and that Fairlead may write to.",
    )
