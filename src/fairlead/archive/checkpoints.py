"""Signed statements of what the tree was at a size, in the formats C2SP tlog-checkpoint and signed-note."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairlead.archive.merkle import HASH_SIZE
from fairlead.archive.public_keys import PublicKey, decoded, is_name, public_key_of
from fairlead.errors import FairleadError

MOST_CHARACTERS = 1_000_000
"""No checkpoint is longer; it leaves room for dozens of cosignatures."""

_MOST_SHOWN = 80
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_SIGNATURE = re.compile(r"— (?P<name>\S+) (?P<signature>\S+)")


class CheckpointRefused(FairleadError):
    """A text is no checkpoint, or not one that the key in question signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the tree of the first `size` events is; `origin` names the log, and the key that signs for it."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise CheckpointRefused(f"This cannot be a checkpoint: {fault}.")

    @property
    def text(self) -> str:
        """The lines that are signed."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    def extension(self, word: str) -> str | None:
        """What the first extension line that begins with this word says; None when none does."""
        said = (line.partition(" ") for line in self.extensions)
        return next((value for name, _, value in said if name == word), None)


class FoundCheckpoint(NamedTuple):
    """The text of a checkpoint as it was found, and where; nothing about it is verified."""

    place: str
    text: str


def extensions_of(made: datetime, run: str) -> tuple[str, ...]:
    """The extension lines of a checkpoint: when it was made, to the second in UTC, and by which sync run."""
    return (f"made {made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", f"run {run}")


def sign(checkpoint: Checkpoint, signing_key: Ed25519PrivateKey) -> str:
    """The signed text of a checkpoint; the key signs in the name of the checkpoint's origin."""
    key_id = public_key_of(checkpoint.origin, signing_key).id
    signature = b64encode(key_id + signing_key.sign(checkpoint.text.encode())).decode()
    return f"{checkpoint.text}\n— {checkpoint.origin} {signature}\n"


def read_checkpoint(text: str, public_key: PublicKey) -> Checkpoint:
    """The checkpoint that a text holds, if this key signed it; otherwise CheckpointRefused says what is wrong.

    Signatures of other keys, such as witnesses', are not looked at.
    """
    if len(text) > MOST_CHARACTERS:
        raise CheckpointRefused(f"The checkpoint is longer than {MOST_CHARACTERS:,} characters.")
    if _CONTROL.search(text):
        raise CheckpointRefused("The checkpoint holds characters that none may hold.")
    body, blank, rest = text.rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise CheckpointRefused("The checkpoint has no signature: its text and its signatures end in a line each.")
    _require_signature(f"{body}\n", rest[:-1].split("\n"), public_key)
    return _read_text(body, public_key)


def _require_signature(text: str, lines: list[str], public_key: PublicKey) -> None:
    signers = []
    signed = False
    for line in lines:
        name, key_id, signature = _read_signature(line)
        signers.append(f"{_shown(name)}+{key_id.hex()}")
        if (name, key_id) == (public_key.name, public_key.id):
            if not public_key.verifies(signature, text.encode()):
                raise CheckpointRefused(f"The signature of {signers[-1]} is not one of this text.")
            signed = True
    if not signed:
        raise CheckpointRefused(
            f"The checkpoint is signed by {', '.join(signers[:3])}, not by {public_key.name}+{public_key.id.hex()}.",
            remedy="Verify it with the key of the archive it belongs to.",
        )


def _read_signature(line: str) -> tuple[str, bytes, bytes]:
    match = _SIGNATURE.fullmatch(line)
    signature = decoded(match["signature"]) if match else None
    if match is None or signature is None or len(signature) <= 4 or not is_name(match["name"]):
        raise CheckpointRefused("The checkpoint has a line among its signatures that is none.")
    return match["name"], signature[:4], signature[4:]


def _read_text(body: str, public_key: PublicKey) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) < 3 or _SIZE.fullmatch(lines[1]) is None:
        raise CheckpointRefused("What is signed is no checkpoint: it needs an origin, a size and a root.")
    if lines[0] != public_key.name:
        raise CheckpointRefused(f"The checkpoint is of {_shown(lines[0])}, not of {public_key.name}.")
    root = decoded(lines[2]) or b""
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, extensions=tuple(lines[3:]))


def _shown(name: str) -> str:
    """A stranger's name in a message: no longer than one reads, and nothing that moves a cursor."""
    return (name if name.isprintable() else ascii(name))[:_MOST_SHOWN]


def _fault(checkpoint: Checkpoint) -> str:
    if not is_name(checkpoint.origin):
        return "its origin has to be printable and without blanks and plus signs"
    if _SIZE.fullmatch(str(checkpoint.size)) is None:
        return "its size is out of bounds"
    if len(checkpoint.root) != HASH_SIZE:
        return f"its root is not {HASH_SIZE} bytes"
    if any(not line or "\n" in line or _CONTROL.search(line) for line in checkpoint.extensions):
        return "an extension is empty, or more than a line of text"
    return ""
