"""What is installed is what was locked, is listed, and is asked about."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADVISORY = {
    "id": "GHSA-made-up",
    "aliases": ["CVE-2026-0001"],
    "summary": "Made up by a test.",
    "affected": [
        {
            "package": {"name": "click", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}


def locked(file: Path) -> dict[tuple[str, str], set[str]]:
    """The hashes of a lock by name and version."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in re.split(r"^(?=\S)", file.read_text(), flags=re.MULTILINE)[1:]:
        name, version = re.match(r"([a-z0-9-]+)==([^ ]+) ", entry).groups()  # type: ignore[union-attr]
        found[name, version] = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    """pip refuses whatever is not what was resolved; a package without a hash would be let through by nobody."""
    packages = locked(lock)
    assert packages
    assert [package for package, hashes in packages.items() if not hashes] == []


def test_the_locks_agree() -> None:
    """What the tests run with is what is shipped; the extra adds packages and changes none."""
    runtime, otlp, dev = (locked(ROOT / f"requirements/{name}.txt") for name in ("runtime", "extras", "dev"))
    assert runtime.items() <= otlp.items()
    assert otlp.items() <= dev.items()


def sbom(out: Path) -> bytes:
    """The bill of materials of the runtime's lock."""
    subprocess.run(["sh", ROOT / ".ci/sbom", ROOT / "requirements/runtime.txt", out], check=True, timeout=60)
    return out.read_bytes()


def test_the_bill_of_materials_lists_the_lock(tmp_path: Path) -> None:
    """Each package that is installed with its version and hashes, nothing else, and the same bytes every time."""
    made = sbom(tmp_path / "one.json")
    bill = json.loads(made)
    components = {
        (component["name"], component["version"]): {
            entry["content"] for reference in component["externalReferences"] for entry in reference["hashes"]
        }
        for component in bill["components"]
    }
    assert components == locked(ROOT / "requirements/runtime.txt")
    assert all(component["purl"].startswith(f"pkg:pypi/{component['name']}@") for component in bill["components"])
    assert bill["metadata"]["component"]["name"] == "fairlead"
    assert sbom(tmp_path / "two.json") == made


@contextmanager
def advisories(answers: Mapping[str, object], status: int = 200) -> Iterator[str]:
    """An advisory database that knows of these packages; any other has no advisories."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(answers.get(asked["package"]["name"], {})).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What the audit of `make check` says, asking the database at this address."""
    command = [sys.executable, ROOT / ".ci/audit.py", *arguments, "--osv-url", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_audit_passes_when_nothing_is_known() -> None:
    """A quiet day: every package that may be shipped was asked about."""
    with advisories({}) as url:
        done = audit(url)
    assert (done.returncode, done.stderr) == (0, "")
    asked = int(re.search(r"the (\d+) locked packages", done.stdout)[1])  # type: ignore[index]
    assert 40 < asked <= len(locked(ROOT / "requirements/extras.txt"))


def test_the_audit_fails_on_an_advisory() -> None:
    """It names the package, the advisory and the version that mends it."""
    with advisories({"click": {"vulns": [ADVISORY]}}) as url:
        done = audit(url)
    assert done.returncode == 1
    assert re.fullmatch(r"click \S+: CVE-2026-0001, mended in 99\.0\n", done.stdout)


@pytest.mark.parametrize(("until", "code"), [("2999-01-01", 0), ("2000-01-01", 1)])
@pytest.mark.parametrize("name", ["GHSA-made-up", "CVE-2026-0001"])
def test_an_accepted_advisory_passes_until_its_date(tmp_path: Path, name: str, until: str, code: int) -> None:
    """An exception has a reason and an end; the advisory may be named by any of its names."""
    accepted = tmp_path / "accepted.toml"
    accepted.write_text(f'[[accepted]]\nid = "{name}"\nreason = "We do not call it."\nuntil = {until}\n')
    with advisories({"click": {"vulns": [ADVISORY]}}) as url:
        assert audit(url, "--accepted", accepted).returncode == code


def test_the_audit_says_loudly_that_it_could_not_ask() -> None:
    """Without a network `make check` still works, and nobody takes its silence for safety."""
    with advisories({}) as url:
        pass
    done = audit(url)
    assert done.returncode == 0
    assert done.stderr.startswith("ADVISORIES NOT AUDITED: ")
    assert done.stderr.count("\n") == 1


def test_a_database_that_is_down_is_told_as_well() -> None:
    """A status of 503 is no answer."""
    with advisories({}, status=503) as url:
        done = audit(url)
    assert (done.returncode, done.stderr[:23]) == (0, "ADVISORIES NOT AUDITED:")


def test_a_lock_without_hashes_is_not_audited_but_refused(tmp_path: Path) -> None:
    """The failure is ours, so it is not taken for a network that is absent."""
    lock = tmp_path / "lock.txt"
    lock.write_text("click==8.1.0\n")
    with advisories({}) as url:
        done = audit(url, "--lock", lock)
    assert done.returncode == 1
    assert "hash" in done.stderr
