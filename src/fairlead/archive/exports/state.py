"""What a folder of exported events knows of itself: `state.json`, replaced in one step."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import orjson

from fairlead.archive import durable_files
from fairlead.archive.bookmark import START, Bookmark
from fairlead.archive.exports.layout import Layout
from fairlead.errors import ConfigurationError

STATE = "state.json"

_VERSION = 1
_MODE = 0o644
# Nothing but names of our own making is ever renamed.
_FILE = re.compile(r"organization_id=[^/]+/(?:day=[^/]+/)?\d{12}-\d{12}\.[a-z.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a folder holds: in which layout, whose events, which of the log; `unnamed` files may still be drafts."""

    layout: Layout
    organizations: tuple[str, ...] = ()
    bookmark: Bookmark = START
    unnamed: tuple[str, ...] = ()


class _Written(msgspec.Struct):
    fairlead_export: int
    layout: Layout
    organizations: tuple[str, ...]
    next: int
    leaf: str
    unnamed: tuple[str, ...]


_read = msgspec.json.Decoder(_Written)


def read_state(folder: Path) -> State | None:
    """The state of a folder; None when it has none. Raises ConfigurationError for one that cannot be used."""
    try:
        found = _read.decode((folder / STATE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as failure:
        raise unusable(folder, f"its {STATE} cannot be read", detail=str(failure)) from failure
    if found.fairlead_export != _VERSION or not all(map(_FILE.fullmatch, found.unnamed)):
        raise unusable(folder, f"its {STATE} is of another Fairlead, or was changed")
    bookmark = Bookmark(found.next, found.leaf)
    return State(layout=found.layout, organizations=found.organizations, bookmark=bookmark, unnamed=found.unnamed)


def write_state(folder: Path, state: State) -> None:
    """Put a state in the place of the one there is, onto the disk."""
    written = {
        "fairlead_export": _VERSION,
        "next": state.bookmark.number,
        "leaf": state.bookmark.leaf,
        "layout": asdict(state.layout),
        "organizations": state.organizations,
        "unnamed": state.unnamed,
    }
    durable_files.replace(folder / STATE, orjson.dumps(written, option=orjson.OPT_INDENT_2) + b"\n", mode=_MODE)


def unusable(folder: Path, what: str, *, detail: str = "") -> ConfigurationError:
    """Why events cannot be exported to a folder."""
    return ConfigurationError(
        f"{folder} cannot take an export: {what}.", detail=detail, remedy="Name another folder, or an empty one."
    )
