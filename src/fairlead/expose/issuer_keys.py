"""The keys an authorization server signs with: found by its metadata, fetched, kept for a while, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from fairlead.errors import FairleadError, UpstreamInvalid, UpstreamResting
from fairlead.plan.addresses import address_fault, is_loopback
from fairlead.telemetry.records import record

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""GETs an address and answers the body of a 200; raises a FairleadError for anything else, redirects included."""
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ALGORITHMS = frozenset((*_RSA, *_CURVES.values(), "EdDSA"))

_FRESH = 600.0  # seconds until keys are fetched again
_LONGEST = 3_600.0  # seconds they are used when that fails
_PAUSE = 30.0  # seconds between two fetches, whatever callers send
_PAUSE_AFTER_FAILURE = 5.0
_FETCH_TIMEOUT = 10.0
_LARGEST = 256 * 1024
_MOST_KEYS = 100
_SHORTEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key and the algorithms it may be used with."""

    key: PublicKey
    algorithms: tuple[str, ...]


class IssuerKeys:
    """The keys of one authorization server, at `address` or where its metadata says.

    They are fetched by the first call that needs them, one fetch at a time; calls with a key that is known do not
    wait for it. While the authorization server fails, the keys it gave last are good for an hour.
    """

    def __init__(self, issuer: str, address: str | None, fetch: Fetch, now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._address = address
        self._fetch = fetch
        self._now = now
        self._keys: Mapping[str, IssuerKey] = {}
        self._fetched_at = float("-inf")
        self._next_at = float("-inf")
        self._failed = False
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> IssuerKey | None:
        """The key of an id, or the only key when no id is given; None when the issuer has no such key.

        Raises UpstreamResting when that cannot be known, because the authorization server does not answer.
        """
        found = self._known(key_id)
        if found and (self._age() < _FRESH or not self._due() or self._fetching.locked()):
            return found
        async with self._fetching:
            if self._due():
                await self._renew()
        found = self._known(key_id)
        if found is None and self._failed:
            raise UpstreamResting(
                "The authorization server's keys cannot be fetched, so no token can be checked.",
                retry_after=max(1.0, self._next_at - self._now()),
            )
        return found

    def _known(self, key_id: str | None) -> IssuerKey | None:
        if self._age() >= _LONGEST:
            return None
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _age(self) -> float:
        return self._now() - self._fetched_at

    def _due(self) -> bool:
        # Further ahead than any pause: the clock was set back.
        return not self._now() < self._next_at <= self._now() + _PAUSE

    async def _renew(self) -> None:
        # Said beforehand, because a caller who goes away ends the fetch, and must not make the next one come sooner.
        self._failed, self._next_at = True, self._now() + _PAUSE_AFTER_FAILURE
        try:
            async with asyncio.timeout(_FETCH_TIMEOUT):
                self._keys = await self._fetched()
        except (FairleadError, TimeoutError) as failure:
            record("keys not fetched", issuer=self._issuer, reason=str(failure) or "timeout")
            self._next_at = self._now() + _PAUSE_AFTER_FAILURE
        else:
            self._failed, self._fetched_at, self._next_at = False, self._now(), self._now() + _PAUSE

    async def _fetched(self) -> Mapping[str, IssuerKey]:
        address = self._address or await self._discovered()
        keys = dict(read_keys(_object(await self._fetch(address)).get("keys")))
        if not keys:
            raise UpstreamInvalid("The authorization server's key set holds no key that signs tokens.")
        return keys

    async def _discovered(self) -> str:
        """Where the metadata says that the keys are (RFC 8414, OpenID Connect Discovery)."""
        failure: FairleadError | None = None
        for address in metadata_addresses(self._issuer):
            try:
                return self._keys_address(_object(await self._fetch(address)))
            except FairleadError as caught:
                failure = failure or caught
        assert failure is not None  # there is an address to ask at, always
        raise failure

    def _keys_address(self, metadata: Mapping[str, object]) -> str:
        if not same_issuer(metadata.get("issuer"), self._issuer):
            raise UpstreamInvalid("The authorization server's metadata is that of another issuer.")
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or address_fault(address, query=True):
            raise UpstreamInvalid("The authorization server's metadata names no https address of its keys.")
        # An issuer out there must not make this server ask what listens in here.
        if is_loopback(urlsplit(address).hostname or "") and not is_loopback(urlsplit(self._issuer).hostname or ""):
            raise UpstreamInvalid("The authorization server's metadata names an address of this machine.")
        return address


def metadata_addresses(issuer: str) -> tuple[str, ...]:
    """Where the metadata of an issuer may be, in the order MCP asks for."""
    parts = urlsplit(issuer)
    root, path = f"{parts.scheme}://{parts.netloc}/.well-known", parts.path.rstrip("/")
    known = [f"{root}/oauth-authorization-server{path}", f"{root}/openid-configuration{path}"]
    if path:
        known.append(f"{parts.scheme}://{parts.netloc}{path}/.well-known/openid-configuration")
    return tuple(known)


def same_issuer(claimed: object, issuer: str) -> bool:
    """Whether a claim names an issuer; a slash at the end, which documents often lack, makes no other one."""
    return isinstance(claimed, str) and claimed.rstrip("/") == issuer.rstrip("/")


def read_keys(listed: object) -> Iterator[tuple[str, IssuerKey]]:
    """The keys of a JSON Web Key Set that may verify a token, by their ids; what else it lists is passed over."""
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        texts = {name: text for name, text in entry.items() if isinstance(text, str)} if isinstance(entry, dict) else {}
        algorithms = _algorithms(texts)
        # `d` makes it a private key, which everyone who fetches the set could sign with.
        if not algorithms or texts.get("use", "sig") != "sig" or "d" in texts:
            continue
        try:
            key = jwt.PyJWK(texts, algorithms[0]).key
        except (jwt.PyJWTError, ValueError):
            continue
        if isinstance(key, RSAPublicKey) and key.key_size < _SHORTEST_RSA:
            continue
        if isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
            yield texts.get("kid", ""), IssuerKey(key, algorithms)


def _algorithms(key: Mapping[str, str]) -> tuple[str, ...]:
    """What a key's type, curve and own `alg` allow together; nothing for a secret (`oct`) or an unknown type."""
    kind, curve = key.get("kty"), key.get("crv", "")
    fitting: tuple[str, ...]
    if kind == "RSA":
        fitting = _RSA
    elif kind == "EC":
        fitting = (_CURVES[curve],) if curve in _CURVES else ()
    else:
        fitting = ("EdDSA",) if (kind, curve) == ("OKP", "Ed25519") else ()
    return tuple(algorithm for algorithm in fitting if key.get("alg", algorithm) == algorithm)


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = orjson.loads(body) if len(body) <= _LARGEST else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise UpstreamInvalid("The authorization server's answer is no JSON object, or too large.")
    return value
