"""What is known beside the events: organizations, coverage, gaps, properties and leases."""

from __future__ import annotations

from psycopg.rows import TupleRow

from fairlead.archive.coverage import Slice, Slices, joined
from fairlead.archive.keeping import require, unrecorded
from fairlead.archive.model import Batch, Gap, OrganizationState
from fairlead.archive.postgres.connection import Connection
from fairlead.archive.rollups import DAY, TOTAL
from fairlead.archive.text import storable


class Chronicle:
    """The tables of one connection; writing is within the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def organizations(self) -> tuple[str, ...]:
        """The organizations there are events or coverage of."""
        return tuple(row[0] for row in self._connection.execute("SELECT uuid FROM organization ORDER BY id"))

    def number_of(self, organization: str) -> int | None:
        """The number an organization has in the tables."""
        if "\0" in organization or not storable(organization):
            return None
        row = self._row("SELECT id FROM organization WHERE uuid = %s", organization)
        return None if row is None else row[0]

    def made_number_of(self, organization: str) -> int:
        """The number of an organization, which is made when it has none; by whoever writes events."""
        number = self.number_of(organization)
        if number is not None:
            return number
        row = self._row(
            "INSERT INTO organization (id, uuid) SELECT coalesce(max(id), 0) + 1, %s FROM organization RETURNING id",
            organization,
        )
        assert row is not None
        return int(row[0])

    def property(self, name: str, value: bytes | None = None) -> bytes | None:
        """A property of the archive; a value is kept if there was none."""
        if value is not None:
            self._connection.execute("INSERT INTO property VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, value))
        row = self._row("SELECT value FROM property WHERE name = %s", name)
        return None if row is None else row[0]

    def state(self, number: int, organization: str) -> OrganizationState:
        """What is known of an organization's events."""
        row = self._row(
            "SELECT retention_days, tail_read_at, deep_read_at, (SELECT coalesce(sum(count), 0)::bigint FROM rollup "
            "WHERE organization = %(number)s AND grain = %(grain)s AND dimension = %(dimension)s), "
            "(SELECT min(position) FROM event WHERE organization = %(number)s), "
            "(SELECT max(position) FROM event WHERE organization = %(number)s) "
            "FROM organization WHERE id = %(number)s",
            {"number": number, "grain": DAY, "dimension": TOTAL},
        )
        assert row is not None
        retention, tail, deep, events, oldest, newest = row
        return OrganizationState(
            organization=organization,
            events=events,
            covered=self.coverage(number),
            gaps=self.gaps(number),
            oldest=oldest,
            newest=newest,
            retention_days=retention,
            tail_read_at=tail,
            deep_read_at=deep,
        )

    def note(self, number: int, batch: Batch) -> None:
        """Remember what a batch says of its organization; what it does not say stays."""
        self._connection.execute(
            "UPDATE organization SET retention_days = coalesce(%s::float8, retention_days), "
            "tail_read_at = coalesce(%s::bigint, tail_read_at), deep_read_at = coalesce(%s::bigint, deep_read_at) "
            "WHERE id = %s",
            (batch.retention_days, batch.tail_read_at, batch.deep_read_at, number),
        )

    def coverage(self, organization: int) -> Slices:
        """The slices of time that are covered."""
        rows = self._connection.execute(
            'SELECT start, "end" FROM coverage WHERE organization = %s ORDER BY start', (organization,)
        )
        return tuple(Slice(*row) for row in rows)

    def cover(self, organization: int, slices: Slices) -> None:
        """Add to what is covered."""
        if not slices:
            return
        before = self.coverage(organization)
        after = joined((*before, *slices))
        gone, come = set(before) - set(after), set(after) - set(before)
        self._connection.execute(
            "DELETE FROM coverage WHERE organization = %s AND start = ANY(%s)",
            (organization, [each.start for each in gone]),
        )
        self._connection.cursor().executemany(
            "INSERT INTO coverage VALUES (%s, %s, %s)", [(organization, *each) for each in sorted(come)]
        )

    def gaps(self, organization: int) -> tuple[Gap, ...]:
        """Every gap that was ever found, oldest time first."""
        rows = self._connection.execute(
            'SELECT start, "end", reason, found_at FROM gap WHERE organization = %s ORDER BY start NULLS FIRST, id',
            (organization,),
        )
        return tuple(Gap(*row) for row in rows)

    def record_gaps(self, organization: int, found: tuple[Gap, ...]) -> int:
        """Keep gaps for ever, and say how many; time that a gap names already gets no second record.

        What goes on where a gap of the same reason ends makes that one longer.
        """
        made = unrecorded(self.gaps(organization), found) if found else []
        for gap in made:
            longer = self._connection.execute(
                'UPDATE gap SET "end" = %s WHERE organization = %s AND "end" = %s AND reason = %s',
                (gap.end, organization, gap.start, gap.reason),
            )
            if not longer.rowcount:
                self._connection.execute(
                    'INSERT INTO gap (organization, start, "end", reason, found_at) VALUES (%s, %s, %s, %s, %s)',
                    (organization, gap.start, gap.end, gap.reason, gap.found_at),
                )
        return len(made)

    def take_lease(self, organization: str, holder: str, now: int, until: int) -> bool:
        """Make the holder the one that syncs an organization, unless somebody else is."""
        row = self._row(
            "INSERT INTO lease VALUES (%s, %s, %s) ON CONFLICT (organization) DO UPDATE "
            "SET holder = excluded.holder, until = excluded.until "
            "WHERE lease.holder = excluded.holder OR lease.until <= %s RETURNING true",
            organization,
            holder,
            until,
            now,
        )
        return row is not None

    def give_up_lease(self, organization: str, holder: str) -> None:
        """Let somebody else sync the organization."""
        self._connection.execute("DELETE FROM lease WHERE organization = %s AND holder = %s", (organization, holder))

    def require_lease(self, organization: str, holder: str) -> None:
        """Raise ArchiveBusy unless the holder syncs the organization; nobody takes over before the transaction ends."""
        row = self._row("SELECT holder FROM lease WHERE organization = %s FOR SHARE", organization)
        require(holder, row[0] if row else None)

    def _row(self, statement: str, *values: object) -> TupleRow | None:
        given = values[0] if values and isinstance(values[0], dict) else values
        return self._connection.execute(statement, given).fetchone()
