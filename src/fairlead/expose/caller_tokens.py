"""The tokens of named callers: the file that lists them, and the digests that are kept of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fairlead.errors import ConfigurationError
from fairlead.settings import Secret

_LARGEST_FILE = 1024 * 1024
_SHORTEST_TOKEN = 16
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DIGEST = re.compile(r"sha256:([0-9a-fA-F]{64})")
_MOST_TOLD = 20


class CallerTokens:
    """Token → name of its caller, by the token's SHA-256. The named tokens may be replaced while requests are served.

    A digest is looked up as any key of a mapping is: what that takes says nothing about the token behind it.
    """

    __slots__ = ("_fixed", "_named")

    def __init__(self, fixed: Mapping[bytes, str], named: Mapping[bytes, str] | None = None) -> None:
        self._fixed = dict(fixed)
        self.replace(named or {})

    def replace(self, named: Mapping[bytes, str]) -> None:
        """Know these named tokens from now on, and none of those before; the fixed ones stay."""
        self._named = {**named, **self._fixed}

    def name_of(self, token: bytes) -> str | None:
        """The name of the caller who holds a token; None when nobody does."""
        return self._named.get(sha256(token).digest())


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The names behind the digests of the tokens, and `warning`, what is unsafe about the file itself."""

    names: Mapping[bytes, str]
    warning: str = ""


def digest_of(token: Secret) -> bytes:
    """What is kept of a token."""
    return sha256(token.reveal().encode()).digest()


def open_token_file(path: Path) -> TokenFile:
    """The tokens of a file; raises ConfigurationError, with every line that cannot be used, for a file that is unsafe.

    Who may write the file decides who may call, so nobody but its owner and group may; that others may read it is a
    warning, because mounted secrets often are readable.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            body = file.read(_LARGEST_FILE + 1)
    except OSError as failure:
        raise ConfigurationError(f"The token file {path} cannot be read: {failure.strerror}.") from failure
    if mode & stat.S_IWOTH:
        raise ConfigurationError(f"Anyone may write the token file {path}.", remedy=f"Type `chmod 600 {path}`.")
    if len(body) > _LARGEST_FILE:
        raise ConfigurationError(f"The token file {path} is larger than {_LARGEST_FILE:,} bytes.")
    names = read_token_file(body.decode("utf-8", "replace"), str(path))
    loose = f"Anyone on this machine may read the token file {path}; type `chmod 600 {path}`."
    return TokenFile(names, loose if mode & stat.S_IROTH else "")


def read_token_file(text: str, name: str = "the token file") -> dict[bytes, str]:
    """Digest of each token → name of its caller, from lines `name token` or `name sha256:<64 hex digits>`.

    Blank lines and lines that begin with `#` are skipped. A name may have several tokens, the old one and the new; a
    token has one name. Raises ConfigurationError naming the lines that cannot be used, never what is in them.
    """
    names: dict[bytes, str] = {}
    faults: list[str] = []
    for number, line in _lines(text):
        caller, digest, fault = _read_line(line)
        if not fault and digest in names:
            fault = f"the token of `{names[digest]}` once more"
        if fault:
            faults.append(f"{name}:{number}: {fault}")
        else:
            names[digest] = caller
    if faults:
        more = f" (and {len(faults) - _MOST_TOLD:,} more)" if len(faults) > _MOST_TOLD else ""
        raise ConfigurationError("; ".join(faults[:_MOST_TOLD]) + more, remedy="A line is `name token`.")
    if not names:
        raise ConfigurationError(f"There is no token in {name}.", remedy="A line is `name token`.")
    return names


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _read_line(line: str) -> tuple[str, bytes, str]:
    """The caller, the digest of the token, and what is wrong with the line."""
    words = line.split()
    if len(words) != 2:
        return "", b"", "not a name and a token"
    caller, token = words
    digest = _DIGEST.fullmatch(token)
    if not _NAME.fullmatch(caller):
        return "", b"", "a name has letters, digits, `.`, `_`, `@` and `-`, at most 64 of them"
    if digest:
        return caller, bytes.fromhex(digest[1]), ""
    if token.startswith("sha256:"):
        return "", b"", "a digest has 64 hexadecimal digits"
    if not _TOKEN.fullmatch(token):
        return "", b"", "the token has a character that cannot be sent in a header"
    if len(token) < _SHORTEST_TOKEN:
        return "", b"", f"the token is shorter than {_SHORTEST_TOKEN} characters"
    return caller, sha256(token.encode()).digest(), ""
