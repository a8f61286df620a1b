"""Compresses what is kept, with dictionaries learned from the archive's own events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

LEARNING = 2_000
"""Events that a dictionary is learned from."""

_DICTIONARY_BYTES = 64 * 1024
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Codec:
    """Compresses with the newest dictionary and reads what any of them made; for one thread at a time."""

    compressor: zstandard.ZstdCompressor
    decompressors: dict[int, zstandard.ZstdDecompressor]

    def compressed(self, data: bytes) -> bytes:
        """The data as a zstd frame, which names its dictionary."""
        return self.compressor.compress(data)

    def decompressed(self, frame: bytes) -> bytes:
        """What was compressed; raises ValueError for a frame that is damaged."""
        try:
            number = zstandard.get_frame_parameters(frame).dict_id
            return self.decompressors[number].decompress(frame)
        except (zstandard.ZstdError, KeyError) as failure:
            raise ValueError("a compressed event cannot be read") from failure


def codec(dictionaries: Sequence[bytes] = ()) -> Codec:
    """A codec for an archive with these dictionaries, oldest first."""
    readers = {0: zstandard.ZstdDecompressor()}
    newest = None
    for data in dictionaries:
        newest = zstandard.ZstdCompressionDict(data)
        readers[newest.dict_id()] = zstandard.ZstdDecompressor(dict_data=newest)
    if newest is None:
        return Codec(zstandard.ZstdCompressor(level=_LEVEL), readers)
    newest.precompute_compress(level=_LEVEL)
    return Codec(zstandard.ZstdCompressor(level=_LEVEL, dict_data=newest), readers)


def learned(samples: Sequence[bytes]) -> bytes | None:
    """A dictionary for data like these samples; None when there is too little to learn from."""
    try:
        return zstandard.train_dictionary(_DICTIONARY_BYTES, list(samples)).as_bytes()
    except zstandard.ZstdError:
        return None
