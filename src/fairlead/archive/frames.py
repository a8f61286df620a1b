"""The compressed parts of stored events, written and read for one connection of a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairlead.archive.compression import Codec, codec, learned
from fairlead.archive.damage import damaged
from fairlead.archive.preparation import whole


class Frames:
    """Compresses with the newest of the archive's dictionaries, and reads what any made; for one thread at a time."""

    def __init__(self, dictionaries: Callable[[], Sequence[bytes]]) -> None:
        self._dictionaries = dictionaries
        self._codec: Codec = codec(dictionaries())

    @property
    def has_learned(self) -> bool:
        """Whether the archive has a dictionary."""
        return len(self._codec.decompressors) > 1

    def again(self) -> None:
        """Read the dictionaries again, because there is another, or a transaction that made one was undone."""
        self._codec = codec(self._dictionaries())

    def compressed(self, data: bytes) -> bytes:
        """The data as it is stored."""
        return self._codec.compressed(data)

    def decompressed(self, frame: object) -> bytes:
        """What was compressed; raises ArchiveUnusable when it is damaged."""
        if not isinstance(frame, bytes):
            raise damaged()
        try:
            return self._codec.decompressed(frame)
        except ValueError:
            self.again()  # Another process may have learned.
        try:
            return self._codec.decompressed(frame)
        except ValueError as failure:
            raise damaged() from failure

    def body(self, row: Sequence[object]) -> bytes:
        """An event's bytes from its stored parts: the envelope, then twice an offset and what stood there."""
        envelope, first_at, first, second_at, second = row
        places = ((first_at, first), (second_at, second))
        cuts = tuple((at, self.decompressed(frame)) for at, frame in places if isinstance(at, int))
        return whole(self.decompressed(envelope), cuts)

    def dictionary(self, envelopes: Sequence[object]) -> bytes | None:
        """A dictionary learned from stored envelopes; None when there is too little in them."""
        return learned([self.decompressed(frame) for frame in envelopes])
