"""A proof of one event for those who have no archive: its bytes, its way to a signed root, and the signature."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TypeAlias, cast

import msgspec

from fairlead.archive.checkpoints import Checkpoint, CheckpointRefused, read_checkpoint
from fairlead.archive.events import read_event
from fairlead.archive.merkle import HASH_SIZE, TreeDamaged, leaf_hash
from fairlead.archive.model import Archived
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.proofs import inclusion_proof, verify_inclusion
from fairlead.archive.public_keys import PublicKey, decoded
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveUnusable, FairleadError, NotArchived

FORMAT = "fairlead proof 1"

_MADE_ID = re.compile(r"keyed:[0-9a-f]{32}")

Json: TypeAlias = "str | int | list[str] | dict[str, str | int]"


class ProofRefused(FairleadError):
    """A file is no proof, or does not prove what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An event as it is in the log, the hashes that lead from it to a root, and the checkpoint that signs the root."""

    head: LeafHead
    raw: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str
    public_key: str


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    organization: str
    id: str
    revision: int
    fetched_at: int
    raw: str


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    event: _Event
    hashes: list[str]
    checkpoint: str
    public_key: str


def prove(archive: Archive, event: Archived, public_key: PublicKey) -> Bundle:
    """The proof of an event in the newest checkpoint.

    Raises NotArchived when no checkpoint covers it yet, ArchiveUnusable when what is stored does not prove it.
    """
    texts = archive.checkpoints()
    text = texts[-1] if texts else ""
    try:
        checkpoint = read_checkpoint(text, public_key) if text else None
        if checkpoint is None or checkpoint.size <= event.number:
            raise NotArchived(
                f"No checkpoint covers event {event.number:,} yet.", remedy="The next `fairlead events sync` signs it."
            )
        bundle = Bundle(
            head=LeafHead(event.number, event.organization, event.id, event.revision, event.fetched_at),
            raw=event.raw,
            hashes=inclusion_proof(event.number, checkpoint.size, archive.hashes),
            checkpoint=text,
            public_key=str(public_key),
        )
        require_proof(bundle, public_key)
    except (CheckpointRefused, ProofRefused, TreeDamaged) as failure:
        raise ArchiveUnusable(
            "What the archive keeps does not prove this event.",
            remedy="Run `fairlead events verify`: it says what is wrong.",
            detail=failure.public,
        ) from failure
    return bundle


def require_proof(bundle: Bundle, public_key: PublicKey) -> Checkpoint:
    """The checkpoint that a bundle proves its event with; raises ProofRefused when it does not."""
    try:
        checkpoint = read_checkpoint(bundle.checkpoint, public_key)
    except CheckpointRefused as refusal:
        raise ProofRefused(f"The checkpoint of the proof is refused. {refusal.public}", remedy=refusal.remedy) from None
    leaf = leaf_hash(leaf_data(bundle.head, bundle.raw))
    if not verify_inclusion(
        bundle.hashes, leaf=leaf, number=bundle.head.number, size=checkpoint.size, root=checkpoint.root
    ):
        raise ProofRefused(
            "The event is not in the log that was signed: it, its number or the proof was changed.",
            remedy="Ask for the proof again, from whoever has the archive.",
        )
    return checkpoint


def bundle_text(bundle: Bundle) -> str:
    """A bundle as JSON."""
    event: dict[str, str | int] = {**bundle.head._asdict(), "raw": b64encode(bundle.raw).decode()}
    written: dict[str, Json] = {
        "format": FORMAT,
        "event": event,
        "hashes": [b64encode(each).decode() for each in bundle.hashes],
        "checkpoint": bundle.checkpoint,
        "public_key": bundle.public_key,
    }
    return json.dumps(written, indent=2) + "\n"


def read_bundle(text: bytes) -> Bundle:
    """Read what `bundle_text` wrote; anything else is ProofRefused. Nothing of it is verified."""
    try:
        written = msgspec.json.decode(text, type=_Written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_proof("it is not in the format") from None
    if written.format != FORMAT:
        raise _no_proof("its format is another one")
    raw = decoded(written.event.raw)
    hashes = tuple(decoded(each) for each in written.hashes)
    if raw is None or any(each is None or len(each) != HASH_SIZE for each in hashes):
        raise _no_proof("its bytes are not in base64")
    event = written.event
    head = LeafHead(event.number, event.organization, event.id, event.revision, event.fetched_at)
    # Lines of the leaf are told apart by this: no organization has two, and an id is that of the bytes.
    if "\n" in event.organization:
        raise _no_proof("its organization has two lines")
    said = read_event(raw).id
    if event.id != said if said else _MADE_ID.fullmatch(event.id) is None:
        raise _no_proof("it gives the event another id than its bytes do")
    return Bundle(
        head=head,
        raw=raw,
        hashes=cast("tuple[bytes, ...]", hashes),
        checkpoint=written.checkpoint,
        public_key=written.public_key,
    )


def _no_proof(why: str) -> ProofRefused:
    return ProofRefused(
        f"This is no proof of an event: {why}.", remedy="`fairlead events prove ID --output FILE` writes one."
    )
