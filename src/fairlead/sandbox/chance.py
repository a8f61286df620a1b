"""Counter-based chance: the same seed, kind and number always give the same draws, in any order."""

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_BATCH = struct.Struct("<512I")


def number(seed: int, kind: str, *parts: int | str) -> int:
    """One 64-bit number for a thing named by kind and parts."""
    name = f"{seed}|{kind}|{'|'.join(map(str, parts))}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def uuid(seed: int, kind: str, *parts: int | str) -> str:
    """A lower-case version 4 UUID for a thing named by kind and parts."""
    name = f"{seed}|{kind}|{'|'.join(map(str, parts))}".encode()
    text = hashlib.blake2b(name, digest_size=16).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def draws(seed: int, kind: str, part: int) -> Iterator[int]:
    """An endless stream of 32-bit draws; cheaper than one `number` each."""
    for batch in count():
        name = f"{seed}|{kind}|{part}|{batch}".encode()
        yield from _BATCH.unpack(hashlib.shake_128(name).digest(_BATCH.size))


def pick(draw: int, choices: Sequence[T]) -> T:
    """The choice a draw falls on, each equally likely."""
    return choices[draw % len(choices)]


class Shares(NamedTuple):
    """Choices with cumulative weights."""

    choices: tuple[str, ...]
    bounds: tuple[int, ...]


def shares(**weights: int) -> Shares:
    """Choices with their weights, made ready for `fall`."""
    return Shares(tuple(weights), tuple(accumulate(weights.values())))


def fall(draw: int, among: Shares) -> str:
    """The choice a draw falls on, each as likely as its weight."""
    return among.choices[bisect_right(among.bounds, draw % among.bounds[-1])]
