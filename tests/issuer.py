"""An authorization server of a test's own making: real keys, its metadata and its key set over a real socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import serving
from fairlead.errors import UpstreamRejected, UpstreamUnreachable
from fairlead.expose.asgi import Receive, Scope, Send

RESOURCE = "https://mcp.example/mcp"
NOW = 1_795_000_000.0

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
_WRITERS = {"RS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm, "Ed": jwt.algorithms.OKPAlgorithm}


def jwk(key: Any, key_id: str | None, algorithm: str = "RS256", **more: str) -> dict[str, Any]:
    """The public half of a key as an entry of a key set."""
    entry = _WRITERS[algorithm[:2]].to_jwk(key.public_key(), as_dict=True)
    return entry | ({"kid": key_id} if key_id else {}) | more


@dataclass(slots=True)
class Issuer:
    """What the authorization server answers, and the paths it was asked for so far."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    metadata_path: str = "/.well-known/oauth-authorization-server"
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def token(self, key: Any = RSA_KEY, key_id: str | None = "one", algorithm: str = "RS256", **claims: Any) -> str:
        """A token of this issuer, good for a minute, with some of its claims changed; None leaves one out."""
        whole = {"iss": self.url, "aud": RESOURCE, "sub": "ada", "exp": NOW + 60, "scope": "tides:read"} | claims
        headers = {"kid": key_id} if key_id else {}
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.PyJWS().encode(json.dumps(kept).encode(), key, algorithm, headers)

    def forged(self, **header: Any) -> str:
        """A token whose HMAC secret is the public key, as of an attacker who has read the key set."""
        secret = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        claims = {"iss": self.url, "aud": RESOURCE, "sub": "eve", "exp": NOW + 60, "scope": "tides:read"}
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"kid": "one"} | header, claims))
        signature = b"" if header["alg"] == "none" else hmac.digest(secret, signed, hashlib.sha256)
        return (signed + b"." + _encoded(signature)).decode()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        status, answer = 200, None
        if scope["path"] == "/keys":
            answer = {"keys": self.keys}
        elif scope["path"] == self.metadata_path:
            answer = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.metadata
        if self.down or answer is None:
            status = 503 if self.down else 404
        body = json.dumps(answer).encode()
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": body})


@contextmanager
def issuer(**changed: Any) -> Iterator[Issuer]:
    """An authorization server with one RSA key, `one`, on a free port."""
    made = Issuer(**{"keys": [jwk(RSA_KEY, "one")]} | changed)
    with serving.upstream(made) as made.url:
        yield made


async def fetch(address: str) -> bytes:
    """GET an address, as `issuer_keys.Fetch` promises it."""
    try:
        async with httpx2.AsyncClient() as client:
            answer = await client.get(address)
    except httpx2.HTTPError as failure:
        raise UpstreamUnreachable("No connection.") from failure
    if answer.status_code != 200:
        raise UpstreamRejected(answer.status_code, "", ())
    return answer.content


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
