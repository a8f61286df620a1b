"""What only a server can do to an archive: refuse, break off, fill up, or be somebody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from archive_stores import HOLDER, NEVER, ORGANIZATION, T, keep, lease, names, opened, page, raw
from command import fairlead
from fairlead.errors import ArchiveBusy, ArchiveError, ArchiveUnusable, ConfigurationError
from postgres_server import PASSWORD, Server

pytest_plugins = ("archive_fixtures",)

SECRET = "hunter2-hunter2"


def test_sync_keeps_events_in_postgresql_and_gaps_reads_them(postgres: Server, tmp_path: Path) -> None:
    """From the command line a server is used like a file, and its password is shown nowhere."""
    url = postgres.tcp_url(postgres.emptied("synced"))
    env = {"XDG_DATA_HOME": str(tmp_path), "FAIRLEAD_ARCHIVE": url}
    synced = fairlead("events", "sync", "--sandbox", "--since", "1d", env=env)
    assert (synced.code, synced.err.count("Traceback")) == (0, 0), synced.err
    new = re.search(r": ([0-9,]+) new", synced.out)
    assert new is not None
    size = int(new[1].replace(",", ""))
    assert size > 200
    assert f"postgresql://fairlead@127.0.0.1:{postgres.port}/synced" in synced.out
    again = fairlead("events", "sync", "--sandbox", "--since", "1d", "--archive", url, env=env)
    assert " 0 new" in again.out
    gaps = fairlead("events", "gaps", env=env)
    assert (gaps.code, "Nothing is missing." in gaps.out, "covered" in gaps.out) == (0, True, True)
    verified = fairlead("events", "verify", env=env)
    assert (verified.code, verified.err) == (0, ""), verified.out + verified.err
    postgres.run("synced", "UPDATE fairlead.event SET fetched_at = 1 WHERE number = 7")
    refuted = fairlead("events", "verify", "--jobs", "2", env=env)
    assert refuted.code == 1
    assert "event 7" in (refuted.out + refuted.err).lower()
    shown = "".join(each.out + each.err for each in (synced, again, gaps, verified, refuted))
    assert "secret" not in shown
    with closing(opened(url)) as archive:
        assert archive.frontier().size == archive.state(archive.organizations()[0]).events == size
        assert [text.split("\n")[1] for text in archive.checkpoints()] == [str(size)]
        assert len(page(archive, 100, organization=archive.organizations()[0]).events) == 100


def test_without_psycopg_the_command_says_what_to_install() -> None:
    """The extra is optional, and only who names a server misses it."""
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from fairlead.cli.main import main\n"
        f"sys.argv = ['fairlead', 'events', 'gaps', '--archive', 'postgresql://u:{SECRET}@h/d']\n"
        "main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert "pip install 'fairlead[postgres]'" in ended.stderr
    assert SECRET not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"postgresql://u:{SECRET}@db.example:5433/audit", "postgresql://u@db.example:5433/audit"),
        (f"postgres://db/audit?user=u&password={SECRET}&sslpassword={SECRET}", "postgresql://u@db/audit"),
        (f"postgresql://u%40x:{SECRET}@[::1]/a%20b", "postgresql://u%40x@[::1]/a%20b"),
        (f"postgresql://u:{SECRET}@a:1,b:2/d", "postgresql://u@a:1,b:2/d"),
        (f"postgresql:///d?host=/run/pg&password={SECRET}", "postgresql://%2Frun%2Fpg/d"),
        ("postgresql://", "postgresql:///"),
    ],
)
def test_the_name_of_an_archive_has_no_password(url: str, name: str) -> None:
    """It is printed, logged and copied; it still says which archive it is."""
    archive = opened(url)
    assert archive.name == name
    assert SECRET not in repr(archive) + repr(vars(archive))


@pytest.mark.parametrize(
    "url", [f"postgresql://u:{SECRET}%zz@h/d", f"postgresql://u:{SECRET}@h/d?nonsense={SECRET}", "postgresql://[h"]
)
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    """The driver's own message would quote it."""
    with pytest.raises((ConfigurationError, ValueError)) as refused:
        opened(url)
    assert SECRET not in "".join(map(str, (refused.value, vars(refused.value), refused.value.__cause__)))


def _refused(url: str) -> ArchiveError:
    with closing(opened(url)) as archive, pytest.raises(ArchiveError) as refused:
        archive.take_lease(ORGANIZATION, HOLDER, T, NEVER)
    error = refused.value
    assert error.remedy
    shown = f"{error} {error.detail} {error.__cause__} {error!r}"
    assert PASSWORD not in shown
    assert SECRET not in shown
    return error


def test_who_cannot_connect_learns_why(postgres: Server) -> None:
    """A wrong password, database, user, port and host need different remedies."""
    assert "refuses the user" in _refused(postgres.tcp_url("postgres", SECRET)).public
    assert "no such database" in _refused(postgres.url("absent")).public
    assert "does not know the user" in _refused(postgres.url("postgres").replace("fairlead@", "nobody@")).public
    assert "no server answers" in _refused(f"postgresql://u:{SECRET}@127.0.0.1:1/d").public
    assert "no server answers" in _refused(f"postgresql://u:{SECRET}@%2Fnowhere/d").public
    assert "host is not known" in _refused(f"postgresql://u:{SECRET}@nowhere.invalid/d").public
    assert "encryption" in _refused(f"{postgres.tcp_url('postgres')}?sslmode=require").public


def test_a_database_that_cannot_hold_an_archive_says_so(postgres: Server) -> None:
    """Rights, encoding and versions are found out before anything is made."""
    denied = postgres.emptied("denied")
    postgres.run(denied, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    as_guest = postgres.url(denied).replace("fairlead@", "guest@")
    assert "access to it is denied" in _refused(as_guest).public
    with closing(opened(postgres.url(denied))) as archive:
        lease(archive)
    assert "access to it is denied" in _refused(as_guest).public
    postgres.run(denied, "INSERT INTO fairlead.migration (number) VALUES (99)")
    assert "version 99" in _refused(postgres.url(denied)).public
    postgres.run(denied, "ALTER ROLE guest CONNECTION LIMIT 0")
    assert isinstance(_refused(as_guest), ArchiveBusy)
    assert (
        "encoding" in _refused(postgres.url(postgres.emptied("latin", "ENCODING 'LATIN1' TEMPLATE template0"))).public
    )


def test_a_role_that_may_only_read_reads(postgres: Server) -> None:
    """Whoever serves the archive needs no right to change it, and no right on the database itself."""
    database = postgres.emptied("reading")
    with closing(opened(postgres.url(database))) as archive:
        lease(archive)
        keep(archive, raw("a", T))
    postgres.run(
        database, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN", "GRANT USAGE ON SCHEMA fairlead TO reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA fairlead TO reader",
    )  # fmt: skip
    as_reader = postgres.url(database).replace("fairlead@", "reader@")
    with closing(opened(as_reader)) as archive:
        assert names(archive) == ["a"]
    assert "access to it is denied" in _refused(as_reader).public
    postgres.run(database, "DROP OWNED BY reader")


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("53100", ArchiveUnusable, "disk is full"),
        ("53200", ArchiveUnusable, "no memory"),
        ("25006", ArchiveUnusable, "takes no changes"),
        ("40P01", ArchiveBusy, "in the way"),
        ("57014", ArchiveBusy, "took too long"),
        ("58030", ArchiveUnusable, "fails to read or write"),
        ("XX001", ArchiveUnusable, "damaged"),
        ("P0001", ArchiveUnusable, "cannot be used."),
    ],
)
def test_what_the_server_runs_into_is_told_with_a_remedy(
    postgres: Server, code: str, error: type[ArchiveError], said: str
) -> None:
    """And nothing of the batch is kept; what was kept before is."""
    with closing(opened(postgres.url(postgres.cleared("failing")))) as archive:
        lease(archive)
        keep(archive, raw("a", T))
        with _failing(postgres, code), pytest.raises(error, match=said) as refused:
            keep(archive, raw("b", T))
        assert code in refused.value.detail
        assert SECRET not in f"{refused.value} {refused.value.detail} {refused.value.__cause__}"
        assert names(archive) == ["a"]
        assert keep(archive, raw("b", T)).new == 1


@contextmanager
def _failing(postgres: Server, code: str) -> Iterator[None]:
    """A database that says this when a body is written, and quotes what it was."""
    postgres.run(
        "failing",
        f"""CREATE OR REPLACE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{code}', DETAIL = '{SECRET}'; END $$""",
        "CREATE TRIGGER fail BEFORE INSERT ON fairlead.body FOR EACH ROW EXECUTE FUNCTION public.fail()",
    )
    try:
        yield
    finally:
        postgres.run("failing", "DROP TRIGGER fail ON fairlead.body")


def test_a_standby_serves_readers_and_refuses_writers(postgres: Server) -> None:
    """A server that takes no changes still answers every question."""
    database = postgres.emptied("standby")
    with closing(opened(postgres.url(database))) as archive:
        lease(archive)
        keep(archive, raw("a", T))
    read_only = f"{postgres.url(database)}?options=-cdefault_transaction_read_only%3Don"
    with closing(opened(read_only)) as archive:
        assert names(archive) == ["a"]
    assert "takes no changes" in _refused(read_only).public


def test_waiting_for_another_writer_has_an_end(postgres: Server) -> None:
    """A writer that hangs costs the others a run, not their lives."""
    url = postgres.url(postgres.cleared("waiting"))
    with closing(opened(f"{url}?options=-clock_timeout%3D50ms")) as archive:
        lease(archive)
        with psycopg.connect(url) as other:
            other.execute("SELECT * FROM fairlead.edge FOR UPDATE")
            with pytest.raises(ArchiveBusy, match="locked by another program"):
                keep(archive, raw("a", T))
            other.rollback()
        assert keep(archive, raw("a", T)).new == 1


def test_connections_that_the_server_closed_are_opened_again(postgres: Server) -> None:
    """A server is restarted some time; whoever serves its archive is not."""
    url = postgres.url(postgres.cleared("restarted"))
    with closing(opened(url)) as archive:
        lease(archive)
        keep(archive, raw("a", T))
        assert names(archive) == ["a"]
        postgres.run("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'")
        assert names(archive) == ["a"]
        assert keep(archive, raw("b", T)).new == 1


def test_reading_takes_as_many_connections_as_there_are_readers_at_once(postgres: Server) -> None:
    """A server has a hundred of them, for all its clients."""
    url = postgres.url(postgres.cleared("counted"))
    with closing(opened(url)) as archive:
        lease(archive)
        keep(archive, *(raw(f"{number}", T) for number in range(600)))
        for _ in range(5):
            assert len(names(archive)) == 600
            page(archive, 5)
        with psycopg.connect(url) as asking:
            row = asking.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = 'counted' AND application_name = 'fairlead'"
            ).fetchone()
        assert row == (2,)
