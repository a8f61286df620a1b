"""Opens an archive to export it to a folder, once or as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fairlead.app.stopping import stop_once, stopped_within
from fairlead.archive.exports.directory import Exported, Wanted, claimed, export_log
from fairlead.archive.store import Archive


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderExport:
    """What is exported to which folder; `every` so many seconds, or once when it is None."""

    archive: Archive
    folder: Path
    wanted: Wanted
    every: float | None = None


async def export_folder(export: FolderExport, report: Callable[[Exported, int], None]) -> Exported:
    """Export until the folder has what the log has, or for ever, until SIGTERM or SIGINT; a step that runs is ended.

    `report` is told after each step what was exported since the log was last looked at, and what is left of it.
    """
    stop, done = stop_once(), Exported()

    def going_on(exported: Exported, left: int) -> bool:
        report(exported, left)
        return not stop.is_set()

    with claimed(export.folder):
        while True:
            found = await asyncio.to_thread(export_log, export.archive, export.folder, export.wanted, going_on)
            done = Exported(*map(sum, zip(done, found, strict=True)))
            if export.every is None or await stopped_within(stop, export.every):
                return done
