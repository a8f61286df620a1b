"""What is known beside the events: organizations, coverage, gaps and leases."""

from __future__ import annotations

import sqlite3

from fairlead.archive.coverage import Slice, Slices, joined
from fairlead.archive.damage import required
from fairlead.archive.keeping import require, unrecorded
from fairlead.archive.model import Batch, Gap, OrganizationState
from fairlead.archive.rollups import DAY, TOTAL
from fairlead.archive.text import storable


class Chronicle:
    """The tables of one connection; writing is within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def organizations(self) -> tuple[str, ...]:
        """The organizations there are events or coverage of."""
        return tuple(row[0] for row in self._connection.execute("SELECT uuid FROM organization ORDER BY id"))

    def number_of(self, organization: str) -> int | None:
        """The number an organization has in the tables."""
        if not storable(organization):
            return None
        row = self._connection.execute("SELECT id FROM organization WHERE uuid = ?", (organization,)).fetchone()
        return None if row is None else row[0]

    def made_number_of(self, organization: str) -> int:
        """The number of an organization, which is made when it has none."""
        self._connection.execute("INSERT OR IGNORE INTO organization (uuid) VALUES (?)", (organization,))
        number = self.number_of(organization)
        assert number is not None
        return number

    def property(self, name: str, value: bytes | None = None) -> bytes | None:
        """A property of the archive; a value is kept if there was none."""
        if value is not None:
            self._connection.execute("INSERT OR IGNORE INTO property VALUES (?, ?)", (name, value))
        row = self._connection.execute("SELECT value FROM property WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def state(self, number: int, organization: str) -> OrganizationState:
        """What is known of an organization's events."""
        row = self._connection.execute(
            "SELECT retention_days, tail_read_at, deep_read_at FROM organization WHERE id = ?", (number,)
        ).fetchone()
        retention, tail, deep = required(row)
        events = self._connection.execute(
            "SELECT coalesce(sum(count), 0) FROM rollup WHERE organization = ? AND grain = ? AND dimension = ?",
            (number, DAY, TOTAL),
        ).fetchone()[0]
        oldest = "SELECT position FROM event WHERE organization = ? ORDER BY position LIMIT 1"
        newest = "SELECT position FROM event WHERE organization = ? ORDER BY position DESC LIMIT 1"
        return OrganizationState(
            organization=organization,
            events=events,
            covered=self.coverage(number),
            gaps=self.gaps(number),
            oldest=self._first(oldest, number),
            newest=self._first(newest, number),
            retention_days=retention,
            tail_read_at=tail,
            deep_read_at=deep,
        )

    def note(self, number: int, batch: Batch) -> None:
        """Remember what a batch says of its organization; what it does not say stays."""
        self._connection.execute(
            "UPDATE organization SET retention_days = coalesce(?, retention_days), "
            "tail_read_at = coalesce(?, tail_read_at), deep_read_at = coalesce(?, deep_read_at) WHERE id = ?",
            (batch.retention_days, batch.tail_read_at, batch.deep_read_at, number),
        )

    def coverage(self, organization: int) -> Slices:
        """The slices of time that are covered."""
        rows = self._connection.execute(
            'SELECT start, "end" FROM coverage WHERE organization = ? ORDER BY start', (organization,)
        )
        return tuple(Slice(*row) for row in rows)

    def cover(self, organization: int, slices: Slices) -> None:
        """Add to what is covered."""
        before = self.coverage(organization)
        after = joined((*before, *slices))
        gone, come = set(before) - set(after), set(after) - set(before)
        self._connection.executemany(
            "DELETE FROM coverage WHERE organization = ? AND start = ?", [(organization, each.start) for each in gone]
        )
        self._connection.executemany(
            "INSERT INTO coverage VALUES (?, ?, ?)", [(organization, *each) for each in sorted(come)]
        )

    def gaps(self, organization: int) -> tuple[Gap, ...]:
        """Every gap that was ever found, oldest time first."""
        rows = self._connection.execute(
            'SELECT start, "end", reason, found_at FROM gap WHERE organization = ? ORDER BY start, id', (organization,)
        )
        return tuple(Gap(*row) for row in rows)

    def record_gaps(self, organization: int, found: tuple[Gap, ...]) -> int:
        """Keep gaps for ever, and say how many; time that a gap names already gets no second record.

        What goes on where a gap of the same reason ends makes that one longer.
        """
        made = unrecorded(self.gaps(organization), found)
        for gap in made:
            longer = self._connection.execute(
                'UPDATE gap SET "end" = ? WHERE organization = ? AND "end" = ? AND reason = ?',
                (gap.end, organization, gap.start, gap.reason),
            )
            if not longer.rowcount:
                self._connection.execute(
                    'INSERT INTO gap (organization, start, "end", reason, found_at) VALUES (?, ?, ?, ?, ?)',
                    (organization, gap.start, gap.end, gap.reason, gap.found_at),
                )
        return len(made)

    def lease(self, organization: str) -> tuple[str, int] | None:
        """Who syncs an organization, and until when."""
        row: tuple[str, int] | None = self._connection.execute(
            "SELECT holder, until FROM lease WHERE organization = ?", (organization,)
        ).fetchone()
        return row

    def take_lease(self, organization: str, holder: str, now: int, until: int) -> bool:
        """Make the holder the one that syncs an organization, unless somebody else is."""
        found = self.lease(organization)
        if found is not None and found[0] != holder and found[1] > now:
            return False
        self._connection.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?)", (organization, holder, until))
        return True

    def give_up_lease(self, organization: str, holder: str) -> None:
        """Let somebody else sync the organization."""
        self._connection.execute("DELETE FROM lease WHERE organization = ? AND holder = ?", (organization, holder))

    def require_lease(self, organization: str, holder: str) -> None:
        """Raise ArchiveBusy unless the holder syncs the organization: another one took over meanwhile."""
        found = self.lease(organization)
        require(holder, found[0] if found else None)

    def _first(self, statement: str, number: int) -> int | None:
        row = self._connection.execute(statement, (number,)).fetchone()
        return None if row is None else row[0]
