"""Finds free positions for the events of a batch, with few questions to the database."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.archive.positions import free_position
from fairlead.archive.postgres.connection import Connection

_BLOCK_BITS = 12


class Places:
    """The positions that are taken, as far as a batch needs to know; by whoever writes events."""

    def __init__(self, connection: Connection, nanos: Sequence[int]) -> None:
        self._connection = connection
        self._asked = set(nanos)
        self._blocks: set[int] = set()
        self._last: dict[int, int] = {}
        rows = connection.execute("SELECT position FROM event WHERE position = ANY(%s)", (list(self._asked),))
        self._taken = {row[0] for row in rows}

    def take(self, nanos: int) -> int:
        """The position of an event of an instant, which is then taken."""
        # A thousand events of one instant do not all begin to look where the first one did.
        position = free_position(max(nanos, self._last.get(nanos, nanos)), self._is_taken)
        self._last[nanos] = position
        self._taken.add(position)
        return position

    def _is_taken(self, position: int) -> bool:
        if position in self._taken:
            return True
        block = position >> _BLOCK_BITS
        if position in self._asked or block in self._blocks:
            return False
        # Where one position is taken, the next ones may be as well: all of them are asked for at once.
        self._blocks.add(block)
        rows = self._connection.execute(
            "SELECT position FROM event WHERE position >= %s AND position < %s",
            (block << _BLOCK_BITS, min((block + 1) << _BLOCK_BITS, (1 << 63) - 1)),
        )
        self._taken.update(row[0] for row in rows)
        return position in self._taken
