"""Signed checkpoints: other people's tools read them, nobody changes them, and the directory keeps them."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fairlead.archive.checkpoint_files import (
    CheckpointExists,
    CheckpointsUnusable,
    read_checkpoints,
    write_checkpoint,
)
from fairlead.archive.checkpoints import Checkpoint, CheckpointRefused, extensions_of, read_checkpoint, sign
from fairlead.archive.keys import ArchiveKey, key_from_text
from fairlead.archive.public_keys import PublicKey, public_key_of, read_public_key
from fairlead.errors import ConfigurationError
from golden_files import FOLDER

MADE = datetime(2026, 11, 3, 14, 30, 5, 999_999, timezone(timedelta(hours=2)))
ORIGIN = "example.com/archive/acme"


def _key(text: bytes) -> ArchiveKey:
    return key_from_text(f"fairlead-archive-key-1:{b64encode(sha256(text).digest()).decode()}")


KEY = _key(b"example")
PUBLIC = public_key_of(ORIGIN, KEY.signing_key)
CHECKPOINT = Checkpoint(
    origin=ORIGIN, size=12_345, root=sha256(b"root").digest(), extensions=extensions_of(MADE, "run-17")
)
TEXT = sign(CHECKPOINT, KEY.signing_key)


def _signed(body: str, key: Ed25519PrivateKey = KEY.signing_key, name: str = ORIGIN) -> str:
    """Any text as a signed note; what it says may be nonsense."""
    signature = public_key_of(name, key).id + key.sign(body.encode())
    return f"{body}\n— {name} {b64encode(signature).decode()}\n"


def test_a_checkpoint_says_what_was_signed() -> None:
    """What is read is what was written, extensions and all."""
    assert read_checkpoint(TEXT, PUBLIC) == CHECKPOINT
    assert CHECKPOINT.extension("made") == "2026-11-03T12:30:05Z"
    assert CHECKPOINT.extension("run") == "run-17"
    assert CHECKPOINT.extension("later") is None
    assert _signed(CHECKPOINT.text) == TEXT


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


@given(size=st.integers(0, 10**18 - 1), root=st.binary(min_size=32, max_size=32), lines=st.lists(texts, max_size=4))
def test_any_extension_is_kept(size: int, root: bytes, lines: list[str]) -> None:
    """Lines that a later version adds do not trouble this one."""
    checkpoint = Checkpoint(origin=ORIGIN, size=size, root=root, extensions=tuple(lines))
    assert read_checkpoint(sign(checkpoint, KEY.signing_key), PUBLIC) == checkpoint


def test_no_character_of_a_checkpoint_can_be_changed() -> None:
    """Every single change, loss and addition is refused."""
    for place in range(len(TEXT)):
        for other in (chr(ord(TEXT[place]) ^ 1), "", f"{TEXT[place]}A", "\n"):
            changed = TEXT[:place] + other + TEXT[place + 1 :]
            if changed != TEXT:
                with pytest.raises(CheckpointRefused):
                    read_checkpoint(changed, PUBLIC)


ROOT_LINE = b64encode(sha256(b"root").digest()).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no signature"),
        (CHECKPOINT.text, "no signature"),
        (TEXT[:-1], "no signature"),
        (TEXT.replace("\n", "\r\n"), "characters that none may hold"),
        (TEXT.replace("acme\n", "acme\x1b\n"), "characters that none may hold"),
        (TEXT.replace("acme\n", "acme\ud800\n"), "characters that none may hold"),
        (TEXT + "x" * 1_000_000, "longer than 1,000,000"),
        (TEXT.replace("12345", "12346"), "is not one of this text"),
        (TEXT + "nonsense\n", "a line among its signatures"),
        (TEXT + "— x AAAA\n", "a line among its signatures"),
        (TEXT + "— \u202ex AAAAAAAA\n", "a line among its signatures"),
        (_signed("x\n", name="y" * 1_000), "is signed by y{80}\\+"),
        (_signed(f"\u202e\n1\n{ROOT_LINE}\n"), r"is of '\\u202e', not"),
        (_signed(CHECKPOINT.text, _key(b"other").signing_key), f"is signed by {ORIGIN}.*, not by {ORIGIN}"),
        (_signed(CHECKPOINT.text, name="example.com/other"), "is signed by example.com/other"),
        (_signed(f"{ORIGIN}\n1\n"), "no checkpoint"),
        (_signed(f"{ORIGIN}\n01\n{ROOT_LINE}\n"), "no checkpoint"),
        (_signed(f"{ORIGIN}\n-1\n{ROOT_LINE}\n"), "no checkpoint"),
        (_signed(f"{ORIGIN}\n1\n{ROOT_LINE[:-1]}\n"), "root is not 32 bytes"),
        (_signed(f"{ORIGIN}\n1\n{ROOT_LINE}\n\nx\n"), "extension is empty"),
        (_signed(f"example.com/other\n1\n{ROOT_LINE}\n"), "is of example.com/other"),
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_with_the_reason(text: str, said: str) -> None:
    """A checkpoint of another archive, a torn file and a forged one are told apart."""
    with pytest.raises(CheckpointRefused, match=said):
        read_checkpoint(text, PUBLIC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"origin": ""}, "origin"),
        ({"origin": "a b"}, "origin"),
        ({"origin": "a+b"}, "origin"),
        ({"origin": "a\nb"}, "origin"),
        ({"size": -1}, "size"),
        ({"size": 10**18}, "size"),
        ({"root": b"short"}, "32 bytes"),
        ({"extensions": ("",)}, "extension"),
        ({"extensions": ("made\n\n— x y",)}, "extension"),
        ({"extensions": ("made\r",)}, "extension"),
    ],
)
def test_what_could_not_be_read_back_is_not_signed(fields: dict[str, object], said: str) -> None:
    """No value can smuggle a line into what is signed."""
    given_fields = {"origin": ORIGIN, "size": 1, "root": bytes(32), **fields}
    with pytest.raises(CheckpointRefused, match=said):
        Checkpoint(**given_fields)  # type: ignore[arg-type]


def test_cosignatures_do_not_get_in_the_way() -> None:
    """A witness may add its signature; a wrong one of our own key is never overlooked."""
    cosigned = f"{TEXT}{_signed(CHECKPOINT.text, _key(b'witness').signing_key, 'witness.example').splitlines()[-1]}\n"
    assert read_checkpoint(cosigned, PUBLIC) == CHECKPOINT
    assert read_checkpoint(cosigned, public_key_of(ORIGIN, KEY.signing_key)) == CHECKPOINT
    forged = _signed(f"{CHECKPOINT.text}x\n").splitlines()[-1]
    with pytest.raises(CheckpointRefused, match="not one of this text"):
        read_checkpoint(f"{TEXT}{forged}\n", PUBLIC)


def test_public_keys_are_those_of_go() -> None:
    """The key and the signature in the documentation of Go's package `note`."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = read_public_key(f" {text}\n")
    assert (key.name, key.id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", text)
    signature = b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    said = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    assert signature[:4] == key.id
    assert key.verifies(signature[4:], said.encode())
    assert not key.verifies(signature[4:], said.upper().encode())
    assert not key.verifies(b"short", said.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "acme+00000000",
        "acme+00000000+",
        str(PUBLIC).replace("example", "example "),
        str(PublicKey(ORIGIN, PUBLIC.key[:-1])),
        str(PUBLIC).replace("+A", "+B"),
        f"{PUBLIC}A",
    ],
)
def test_a_damaged_public_key_is_refused(text: str) -> None:
    """Nothing is verified with a key that is not quite the published one."""
    with pytest.raises(ConfigurationError):
        read_public_key(text)
    with pytest.raises(ConfigurationError, match="its name or its bytes"):
        read_public_key(str(PUBLIC).replace("acme", "bcme"))


def test_checkpoints_are_kept_by_size(tmp_path: Path) -> None:
    """What was written is read back, in the order of the log, and nothing else in the directory is."""
    for size in (1_000, 2, 30):
        write_checkpoint(tmp_path, size, sign(_of(size), KEY.signing_key))
    (tmp_path / ".00000000000000000031.checkpoint.1f").write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    found = read_checkpoints(tmp_path)
    assert [read_checkpoint(text, PUBLIC).size for _, text in found] == [2, 30, 1_000]
    assert found[0].place == str(tmp_path / "00000000000000000002.checkpoint")


def test_a_checkpoint_outside_is_never_replaced(tmp_path: Path) -> None:
    """The first one stays, byte by byte; another root at its size is an error, another time is not."""
    path = write_checkpoint(tmp_path, 7, sign(_of(7), KEY.signing_key))
    before = path.read_bytes()
    later = Checkpoint(origin=ORIGIN, size=7, root=_of(7).root, extensions=extensions_of(datetime.now(UTC), "2"))
    assert write_checkpoint(tmp_path, 7, sign(later, KEY.signing_key)) == path
    other = Checkpoint(origin=ORIGIN, size=7, root=bytes(32))
    with pytest.raises(CheckpointExists, match="another checkpoint"):
        write_checkpoint(tmp_path, 7, sign(other, KEY.signing_key))
    assert path.read_bytes() == before
    path.write_bytes(before[:40])
    with pytest.raises(CheckpointExists):
        write_checkpoint(tmp_path, 7, sign(_of(7), KEY.signing_key))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_of_writers_at_once_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    """Two archives that share a directory by mistake do not take turns in it."""
    signed = [sign(Checkpoint(origin=ORIGIN, size=7, root=bytes([n]) * 32), KEY.signing_key) for n in range(8)]

    def won(text: str) -> bool:
        try:
            write_checkpoint(tmp_path, 7, text)
        except CheckpointExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(won, signed))
    assert sum(results) == 1
    assert [text for _, text in read_checkpoints(tmp_path)] == [signed[results.index(True)]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_directory_that_is_missing_is_not_made(tmp_path: Path) -> None:
    """A volume that is not mounted is told, not papered over."""
    for act in (lambda path: write_checkpoint(path, 7, TEXT), read_checkpoints):
        with pytest.raises(CheckpointsUnusable, match="cannot be used: No such file") as failure:
            act(tmp_path / "missing")
        assert "has to exist" in failure.value.remedy
    assert not (tmp_path / "missing").exists()


def test_a_file_that_is_no_text_is_refused_when_it_is_verified(tmp_path: Path) -> None:
    """Whatever lies in the directory can be read, and only what was signed is believed."""
    for size, content in enumerate([b"", b"\xff\xfe", b"\0" * 2_000_000, TEXT.encode().replace(b"acme", b"ac\xffme")]):
        (tmp_path / f"{size:020d}.checkpoint").write_bytes(content)
    for _, text in read_checkpoints(tmp_path):
        with pytest.raises(CheckpointRefused):
            read_checkpoint(text, PUBLIC)


def _of(size: int) -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=size, root=bytes([size % 251 + 1]) * 32, extensions=extensions_of(MADE, "1"))


PAGE = (FOLDER.parent.parent / "docs" / "proof.md").read_text(encoding="utf-8")


def test_the_documented_example_is_a_checkpoint() -> None:
    """The key and the checkpoint in docs/proof.md belong together."""
    assert f"```text\n{TEXT}```" in PAGE
    assert f"```text\n{PUBLIC}\n```" in PAGE


@pytest.mark.skipif(not all(map(shutil.which, ("openssl", "sh"))), reason="needs openssl and a shell")
def test_the_documented_commands_verify_a_checkpoint_without_fairlead(tmp_path: Path) -> None:
    """openssl alone says whether a checkpoint is genuine."""
    commands = PAGE.split("```sh\n")[1].split("```")[0]
    for text, verdict in ((TEXT, "Signature Verified Successfully"), (TEXT.replace("12345", "12346"), "Failure")):
        (tmp_path / "00000000000000012345.checkpoint").write_text(text, encoding="utf-8")
        ran = subprocess.run(["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert verdict in ran.stdout + ran.stderr, ran
