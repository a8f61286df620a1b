"""What is said when PostgreSQL refuses: one clear sentence, what to do, and never a password."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg

from fairlead.archive.postgres.address import Address
from fairlead.errors import ArchiveBusy, ArchiveError, ArchiveUnusable

_SAFE = "what was kept before is safe"
_LATER = "Try again later; nothing was changed."


class _Reason(NamedTuple):
    """What was found, said to people, and what they can do."""

    found: str
    said: str
    remedy: str


# By SQLSTATE, or by the beginning of one.
_BUSY = (
    _Reason("55P03", "it is locked by another program", "Try again when that one is done; nothing was changed."),
    _Reason("57014", "the server took too long", "Ask for less, such as a shorter time; or try again later."),
    _Reason("53300", "the server has no connection left", "Raise `max_connections`, or stop what else uses it."),
    _Reason("40", "it was in the way of another program", _LATER),
)
_UNUSABLE = (
    _Reason("53100", "the server's disk is full", f"Make room; {_SAFE}, and the next sync goes on from there."),
    _Reason("53", "the server has no memory left", f"Give it more; {_SAFE}."),
    _Reason("25006", "the server takes no changes", "Name the primary server: this one is a standby, or read-only."),
    _Reason("42501", "access to it is denied", "Let the user own the schema `fairlead`, or create it in the database."),
    _Reason("28", "the server refuses the user", "Check the user and the password."),
    _Reason("3D000", "the server has no such database", "Make it: `createdb -E UTF8 -T template0 NAME`."),
    _Reason("3F000", "it holds no archive", "Make one with `fairlead events sync`."),
    _Reason("42P01", "it holds no archive, or not all of one", "Make one with `fairlead events sync`."),
    _Reason("XX001", "it is damaged", "`fairlead events verify` says where; restore a backup and sync again."),
    _Reason("XX002", "an index is damaged", "Run `REINDEX DATABASE`; it takes nothing away."),
    _Reason("58", "the server's disk fails to read or write", f"Check the disk and its room; {_SAFE}."),
    _Reason("57P", "the server is shutting down, or starting", _LATER),
    _Reason("08", "the connection to the server broke off", f"Try again; {_SAFE}."),
)
# Whoever cannot connect has no SQLSTATE, only a text. More telling ones come first.
_NOT_CONNECTED = (
    _Reason("password", "the server refuses the user", "Check the user and the password: in the URL, or PGPASSWORD."),
    _Reason("authentication", "the server refuses the user", "Check the user, and how the server lets it in."),
    _Reason("pg_hba.conf", "the server lets nobody in from here", "Have a line added to its `pg_hba.conf`."),
    _Reason("role ", "the server does not know the user", "Make the user, or name another."),
    _Reason("database ", "the server has no such database", "Make it: `createdb -E UTF8 -T template0 NAME`."),
    _Reason("certificate", "the server's certificate is not trusted", "Name whom to trust: `?sslrootcert=FILE`."),
    _Reason("SSL", "the server wants another kind of encryption", "Set `?sslmode=` to what it offers."),
    _Reason("timeout", "the server does not answer", "Check the host, the port, and what is between."),
    _Reason("translate host name", "the host is not known", "Check the name of the host."),
    _Reason("resolve host", "the host is not known", "Check the name of the host."),
    _Reason("refused", "no server answers there", "Check the host and the port, and that the server runs."),
    _Reason("No such file", "no server answers there", "Check the host and the port, and that the server runs."),
)
_CROWDED = ("too many clients", "connection slots", "too many connections", "starting up", "shutting down")


@contextlib.contextmanager
def told(address: Address) -> Iterator[None]:
    """Turn what PostgreSQL says into an ArchiveError with what to do about it."""
    try:
        yield
    except psycopg.Error as failure:
        # What the server says may quote an event; what only the driver says does not.
        raise _error(failure, address) from (None if failure.sqlstate else failure)


def _error(failure: psycopg.Error, address: Address) -> ArchiveError:
    # More than the first line would quote the data that was refused.
    said = failure.diag.message_primary or str(failure).split("DETAIL:")[0].strip()
    detail = address.without_secrets(f"{failure.sqlstate or type(failure).__name__}: {said}")
    if failure.sqlstate is None:
        if isinstance(failure, psycopg.OperationalError):
            return _connecting(detail, address)
        return ArchiveUnusable(_sentence(address, ""), detail=detail)
    for reason in _BUSY:
        if failure.sqlstate.startswith(reason.found):
            return ArchiveBusy(_sentence(address, reason.said), detail=detail, remedy=reason.remedy)
    reason = _first(_UNUSABLE, failure.sqlstate.startswith) or _Reason("", "", "")
    return ArchiveUnusable(_sentence(address, reason.said), detail=detail, remedy=reason.remedy)


def _connecting(detail: str, address: Address) -> ArchiveError:
    if any(sign in detail for sign in _CROWDED):
        return ArchiveBusy(_sentence(address, "the server takes no connection now"), detail=detail, remedy=_LATER)
    reason = _first(_NOT_CONNECTED, detail.__contains__)
    if reason is None:
        reason = _Reason("", "the server cannot be reached", "Check the URL, and that the server runs.")
    return ArchiveUnusable(_sentence(address, reason.said), detail=detail, remedy=reason.remedy)


def _first(reasons: tuple[_Reason, ...], fits: Callable[[str], bool]) -> _Reason | None:
    return next((reason for reason in reasons if fits(reason.found)), None)


def _sentence(address: Address, said: str) -> str:
    return f"The archive {address.name} cannot be used{f': {said}' if said else ''}."
