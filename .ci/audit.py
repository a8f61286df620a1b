"""Asks the advisory database about every package of a lock; where it cannot be reached, says so loudly and passes."""
# ruff: noqa: S603, T201

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements/extras.txt"  # the runtime and its extras: all that is ever shipped
ACCEPTED = ROOT / "requirements/accepted-advisories.toml"
# pip-audit names them in its message, or in the traceback of what it did not expect.
UNREACHABLE = re.compile(r"requests\.exceptions\.|Could not connect|ServiceError")
SECONDS = 120


def main() -> int:
    """The status to exit with: 1 for an advisory nobody accepted, and for a lock that cannot be audited."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--accepted", type=Path, default=ACCEPTED)
    arguments, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(arguments.lock), "--disable-pip"]
        command += ["--require-hashes", "--vulnerability-service", "osv", "--timeout", "5", "--progress-spinner", "off"]
        command += ["--cache-dir", folder, "--format", "json", "--output", str(report), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return skipped(f"no answer within {SECONDS} s")
        if report.is_file() and report.stat().st_size:
            return judged(json.loads(report.read_text()), accepted(arguments.accepted, datetime.now(UTC).date()))
    if UNREACHABLE.search(done.stderr):
        return skipped(done.stderr.strip().splitlines()[-1])
    print(done.stderr, file=sys.stderr)
    return 1


def skipped(reason: str) -> int:
    """Say that nothing was audited."""
    print(f"ADVISORIES NOT AUDITED: the database did not answer ({reason[:160]})", file=sys.stderr)
    return 0


def accepted(file: Path, today: date) -> set[str]:
    """The advisories that were looked into, and whose date has not come."""
    entries = tomllib.loads(file.read_text()).get("accepted", [])
    return {entry["id"] for entry in entries if entry["reason"] and entry["until"] >= today}


def judged(report: dict, known: set[str]) -> int:
    """Print every advisory that is not accepted."""
    packages = report["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}, "
        f"mended in {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package in packages
        for advisory in package["vulns"]
        if known.isdisjoint({advisory["id"], *advisory["aliases"]})
    ]
    print("\n".join(found) or f"No advisory concerns the {len(packages)} locked packages.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
