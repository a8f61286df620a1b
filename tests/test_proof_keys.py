"""The archive's key: one file, one owner, and no word about what is in it."""

from __future__ import annotations

import hmac
import os
import stat
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from fairlead.archive.keys import key_from_text, read_key, read_or_make_key
from fairlead.errors import ConfigurationError

SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="
LINE = f"fairlead-archive-key-1:{SECRET}"

MAKER = """
import sys
from pathlib import Path
from fairlead.archive.keys import read_or_make_key
print("ready", flush=True)
sys.stdin.readline()
print(read_or_make_key(Path(sys.argv[1])).fingerprint)
"""


def _key_file(folder: Path, content: bytes = LINE.encode(), mode: int = 0o600) -> Path:
    path = folder / "archive.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """The second start has the key of the first."""
    path = tmp_path / "archive.key"
    made = read_or_make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (read_or_make_key(path), read_key(path)) == (made, made)
    assert [entry.name for entry in tmp_path.iterdir()] == ["archive.key"]
    assert read_or_make_key(tmp_path / "other.key") != made


def test_processes_that_make_a_key_at_once_get_the_same(tmp_path: Path) -> None:
    """Nobody signs with a key that is lost a moment later."""
    path = tmp_path / "archive.key"
    command = [sys.executable, "-c", MAKER, str(path)]
    makers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ})
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("\n")
        maker.stdin.flush()
    assert {maker.communicate(timeout=20)[0].strip() for maker in makers} == {read_key(path).fingerprint}
    assert [entry.name for entry in tmp_path.iterdir()] == ["archive.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o660, 0o777])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever reads the key can sign another log."""
    path = _key_file(tmp_path, mode=mode)
    with pytest.raises(ConfigurationError, match=f"can be used by others: its mode is {mode:04o}") as refusal:
        read_or_make_key(path)
    assert "chmod 600" in refusal.value.remedy
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (SECRET.encode(), "is not one line"),
        (f"{LINE}\n{LINE}\n".encode(), "is not one line"),
        (LINE.replace("-1:", "-2:").encode(), "is not one line"),
        (LINE[:-1].encode(), "is damaged"),
        (LINE.replace("c2Vj", "c2V").encode(), "is damaged"),
        (LINE.replace("c2Vj", "c2Vjc2Vj").encode(), "is damaged"),
        (LINE.replace("I=", "J=").encode(), "is damaged"),
        (LINE.replace("c2Vj", "c2V*").encode(), "is damaged"),
        (LINE.encode() + b"\xff", "is damaged"),
        (b"\0" * 10_000, "is not one line"),
    ],
)
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, content: bytes, said: str) -> None:
    """A damaged key is never replaced by a new one, and no error repeats a part of it."""
    path = _key_file(tmp_path, content)
    with pytest.raises(ConfigurationError, match=said) as refusal:
        read_or_make_key(path)
    told = f"{refusal.value} {refusal.value.detail} {refusal.value.__cause__!r}"
    assert str(path) in told
    assert not any(SECRET[start : start + 5] in told for start in range(len(SECRET) - 5))
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory, a pipe, a link to nothing and a missing directory are told apart, and nothing waits."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for path, said in [
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "is no file"),
        (tmp_path / "link", "link to nothing"),
        (tmp_path / "missing" / "archive.key", "cannot be made: No such file or directory"),
    ]:
        with pytest.raises(ConfigurationError, match=said):
            read_or_make_key(path)


def test_the_keys_for_each_purpose_are_derived_as_documented() -> None:
    """HKDF-SHA256 (RFC 5869), here by hand: another derivation would lose every tag and every checkpoint."""
    key = key_from_text(f" {LINE}\n")
    pseudorandom = hmac.digest(bytes(32), b64decode(SECRET), "sha256")

    def derived(purpose: bytes) -> bytes:
        return hmac.digest(pseudorandom, b"fairlead-archive-key-1:" + purpose + b"\x01", "sha256")

    assert key.fingerprint == derived(b"fingerprint")[:8].hex()
    assert key.tag_key == derived(b"tags")
    assert key.signing_key.private_bytes_raw() == derived(b"checkpoints")


def test_a_key_shows_its_fingerprint_only() -> None:
    """A key that ends up in a record or a traceback gives nothing away."""
    key = key_from_text(LINE)
    assert repr(key) == f"ArchiveKey(fingerprint='{key.fingerprint}')"
