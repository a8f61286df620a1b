"""Access tokens of an authorization server: which are taken, and where its keys come from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from fairlead.errors import FairleadError, InsufficientScope, Unauthorized, UpstreamResting
from fairlead.expose.doors import Outside, open_doors
from fairlead.expose.inbound import InboundPolicy
from fairlead.expose.issuer_keys import IssuerKeys, metadata_addresses, read_keys
from fairlead.plan.addresses import address_fault, is_loopback
from fairlead.settings import Secret
from golden_files import assert_golden
from guarded_documents import OAUTH, guarded_plan
from hostile_json import JSON
from issuer import EC_KEY, ED_KEY, NOW, OTHER_RSA_KEY, RESOURCE, RSA_KEY, WEAK_RSA_KEY, Issuer, issuer, jwk
from policies import World, asking, bearer, doors, settings_with


@dataclass(slots=True)
class Guarded:
    """A policy that takes access tokens, and the issuer of these."""

    issuer: Issuer
    policy: InboundPolicy
    world: World

    async def admits(self, token: str) -> str:
        """The name of the caller, or the kind of error."""
        try:
            return (await self.policy.admit(bearer(token)))[0].name
        except FairleadError as error:
            return type(error).__name__


def guarded_by(made: Issuer, folder: Path, authentication: str = OAUTH) -> Guarded:
    """The MCP policy of a document whose issuer is this one."""
    world = World()
    plan = guarded_plan(folder, mcp=authentication)
    opened = doors(plan, world=world, secrets={"TIDES_ISSUER": Secret(made.url)})
    return Guarded(made, opened.mcp, world)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A policy with an issuer that has one RSA key."""
    with issuer() as made:
        yield guarded_by(made, tmp_path)


async def test_a_token_of_the_issuer_names_its_caller_and_its_scopes(guarded: Guarded) -> None:
    """The keys are found by the issuer's metadata and fetched once."""
    for _ in range(3):
        caller, _ = await guarded.policy.admit(bearer(guarded.issuer.token(scope="tides:read tides:write")))
        assert (caller.name, caller.scopes) == ("ada", {"tides:read", "tides:write"})
    assert guarded.issuer.asked == ["/.well-known/oauth-authorization-server", "/keys"]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA_KEY, "RS256"), (RSA_KEY, "RS512"), (RSA_KEY, "PS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")],
)
async def test_every_usual_signature_is_verified(tmp_path: Path, key: Any, algorithm: str) -> None:
    """With the key whose id the token names, among several."""
    keys = [jwk(RSA_KEY, "RS"), jwk(RSA_KEY, "PS"), jwk(EC_KEY, "ES", "ES256"), jwk(ED_KEY, "Ed", "EdDSA")]
    with issuer(keys=keys) as made:
        assert await guarded_by(made, tmp_path).admits(made.token(key, algorithm[:2], algorithm)) == "ada"


@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        ({"aud": "https://other.example"}, "Unauthorized"),
        ({"aud": None}, "Unauthorized"),
        ({"aud": RESOURCE + "/"}, "Unauthorized"),
        ({"aud": ["https://other.example", RESOURCE]}, "ada"),
        ({"iss": "https://evil.example"}, "Unauthorized"),
        ({"iss": None}, "Unauthorized"),
        ({"iss": 7}, "Unauthorized"),
        ({"exp": NOW - 31}, "Unauthorized"),
        ({"exp": NOW - 20}, "ada"),
        ({"exp": None}, "Unauthorized"),
        ({"nbf": NOW + 31}, "Unauthorized"),
        ({"nbf": NOW + 20}, "ada"),
        ({"scope": None}, "InsufficientScope"),
        ({"scope": "tides:reader"}, "InsufficientScope"),
        ({"scope": None, "scp": ["tides:read", 7]}, "ada"),
        ({"scope": None, "scp": "x tides:read"}, "ada"),
        ({"sub": None}, "Unauthorized"),
        ({"sub": None, "client_id": "robot"}, "robot"),
    ],
)
async def test_a_token_is_good_for_its_server_its_time_and_its_scopes_only(
    guarded: Guarded, claims: dict[str, Any], outcome: str
) -> None:
    """Issuer, audience, times within half a minute, scopes: each is looked at, none is optional."""
    assert await guarded.admits(guarded.issuer.token(**claims)) == outcome


async def test_forged_tokens_are_refused(guarded: Guarded) -> None:
    """No signature, an HMAC with the public key for a secret, another's key, a changed claim, and no token at all."""
    good = guarded.issuer.token()
    head, claims, signature = good.split(".")
    other = guarded.issuer.token(sub="eve").split(".")[1]
    forged = [
        guarded.issuer.forged(alg="none"),
        guarded.issuer.forged(alg="None"),
        guarded.issuer.forged(alg="HS256"),
        guarded.issuer.forged(alg=["RS256"]),
        guarded.issuer.token(OTHER_RSA_KEY),
        guarded.issuer.token(EC_KEY, algorithm="ES256"),
        f"{head}.{other}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        head,
        "." * 3,
        "a" * 40_000,
        good + "x",
    ]
    assert [await guarded.admits(token) for token in forged] == ["Unauthorized"] * len(forged)
    assert await guarded.admits(good) == "ada"


async def test_the_refusal_says_where_to_get_a_token(guarded: Guarded) -> None:
    """By RFC 9728, with the scopes that are needed; and what is missing, by RFC 6750."""
    common = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", scope="tides:read"'
    with pytest.raises(Unauthorized) as none:
        await guarded.policy.admit(asking())
    assert none.value.challenge == f'Bearer realm="fairlead", {common}'
    with pytest.raises(Unauthorized) as expired:
        await guarded.policy.admit(bearer(guarded.issuer.token(exp=NOW - 90)))
    assert expired.value.challenge == f'Bearer realm="fairlead", error="invalid_token", {common}'
    with pytest.raises(InsufficientScope) as lacking:
        await guarded.policy.admit(bearer(guarded.issuer.token(scope="other")))
    assert lacking.value.challenge == f'Bearer realm="fairlead", error="insufficient_scope", {common}'
    assert "tides:read" in lacking.value.public


def test_the_metadata_of_the_resource_is_where_clients_look_for_it(guarded: Guarded) -> None:
    """At the root and below it, open to everyone (RFC 9728)."""
    paths = "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"
    assert set(guarded.policy.answers) == set(paths)
    body = guarded.policy.answers[paths[1]].body.decode().replace(guarded.issuer.url, "ISSUER")
    assert_golden("protected-resource.json", body + "\n")


async def test_a_key_nobody_knows_is_asked_for_once_in_a_while(guarded: Guarded) -> None:
    """A new key is taken up; made-up key ids cost the issuer one question in half a minute."""
    assert await guarded.admits(guarded.issuer.token()) == "ada"
    guarded.issuer.keys = [jwk(OTHER_RSA_KEY, "two")]
    guarded.world.now += 29
    rotated = guarded.issuer.token(OTHER_RSA_KEY, "two")
    assert await guarded.admits(rotated) == "Unauthorized"
    guarded.world.now += 2
    assert await guarded.admits(rotated) == "ada"
    assert await guarded.admits(guarded.issuer.token()) == "Unauthorized"  # the old key is gone
    asked = len(guarded.issuer.asked)
    for number in range(100):
        assert await guarded.admits(guarded.issuer.token(RSA_KEY, f"made-up-{number}")) == "Unauthorized"
    assert len(guarded.issuer.asked) == asked


async def test_a_hundred_callers_at_once_fetch_the_keys_once(guarded: Guarded) -> None:
    """They wait for the one fetch."""
    token = guarded.issuer.token()
    assert set(await asyncio.gather(*[guarded.admits(token) for _ in range(100)])) == {"ada"}
    assert guarded.issuer.asked == ["/.well-known/oauth-authorization-server", "/keys"]


async def test_callers_are_told_to_come_back_while_the_issuer_is_down(guarded: Guarded) -> None:
    """503 with a time, not 401: the token may be good. It is asked again by itself, after a pause."""
    guarded.issuer.down = True
    token = guarded.issuer.token()
    with pytest.raises(UpstreamResting) as told:
        await guarded.policy.admit(bearer(token))
    assert 1 <= told.value.retry_after <= 5
    asked = len(guarded.issuer.asked)
    assert await guarded.admits(token) == "UpstreamResting"
    assert len(guarded.issuer.asked) == asked
    guarded.issuer.down = False
    guarded.world.now += 6
    assert await guarded.admits(token) == "ada"


async def test_the_last_keys_are_good_for_an_hour_while_the_issuer_is_down(guarded: Guarded) -> None:
    """An outage of the issuer is none of ours, at first."""
    long = guarded.issuer.token(exp=NOW + 10_000)
    assert await guarded.admits(long) == "ada"
    guarded.issuer.down = True
    for _ in range(5):
        guarded.world.now += 700
        assert await guarded.admits(long) == "ada"
    guarded.world.now += 200
    assert await guarded.admits(long) == "UpstreamResting"


async def test_a_caller_who_leaves_does_not_bring_the_next_fetch_forward(guarded: Guarded) -> None:
    """Connections that open and close cannot make us flood the issuer."""
    held = asyncio.Event()

    async def hang(address: str) -> bytes:
        guarded.world.fetched.append(address)
        held.set()
        await asyncio.Event().wait()
        return b""

    guarded.policy.check.keys._fetch = hang  # type: ignore[union-attr]
    leaving = asyncio.create_task(guarded.admits(guarded.issuer.token()))
    await held.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert await guarded.admits(guarded.issuer.token()) == "UpstreamResting"
    assert len(guarded.world.fetched) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"jwks_uri": "http://keys.example/keys"}},
        {"metadata": {"jwks_uri": None}},
        {"metadata": {"jwks_uri": "file:///etc/passwd"}},
        {"metadata_path": "/elsewhere"},
        {"keys": []},
        {"keys": [jwk(WEAK_RSA_KEY, "one")]},
        {"keys": [jwk(RSA_KEY, "one", use="enc")]},
        {"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]},
    ],
)
async def test_metadata_and_keys_that_cannot_be_trusted_are_not_used(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Another issuer's metadata, keys in the clear, keys that are short, secret or for something else."""
    with issuer(**changed) as made:
        assert await guarded_by(made, tmp_path).admits(made.token()) == "UpstreamResting"


async def test_an_issuer_elsewhere_cannot_point_at_this_machine(tmp_path: Path) -> None:
    """Nothing in here is asked for keys because a stranger's metadata says so."""
    asked: list[str] = []

    async def answer(address: str) -> bytes:
        asked.append(address)
        return b'{"issuer": "https://issuer.example", "jwks_uri": "https://127.0.0.1:9/keys"}'

    plan = guarded_plan(tmp_path, mcp=OAUTH)
    chosen = settings_with(secrets={"TIDES_ISSUER": Secret("https://issuer.example")})
    opened = open_doors([plan], chosen, "127.0.0.1", {}, Outside(fetch=answer, now=lambda: NOW))
    with pytest.raises(UpstreamResting):
        await opened.mcp.admit(bearer(Issuer(url="https://issuer.example").token()))
    assert not [address for address in asked if "127.0.0.1" in address]


async def test_other_places_of_metadata_and_a_named_key_set_are_found(tmp_path: Path) -> None:
    """OpenID Connect's place, an issuer with a slash at its end, a key without an id, and `x-fairlead-jwks-uri`."""
    with issuer(metadata_path="/.well-known/openid-configuration", keys=[jwk(RSA_KEY, None)]) as made:
        made.metadata = {"issuer": f"{made.url}/"}
        assert await guarded_by(made, tmp_path).admits(made.token(key_id=None, iss=f"{made.url}/")) == "ada"
    with issuer(metadata_path="/nowhere") as made:
        named = OAUTH.replace("scopes", f"x-fairlead-jwks-uri: '{made.url}/keys', scopes")
        assert await guarded_by(made, tmp_path, named).admits(made.token()) == "ada"
        assert made.asked == ["/keys"]
    spelled = OAUTH.replace("ServerUri", "ServerUrl").replace("['tides:read']", "tides:read tides:write")
    with issuer() as made:
        other = guarded_by(made, tmp_path, spelled.replace("scopes", "audience: tides, scopes"))
        assert await other.admits(made.token(aud="tides", scope="tides:write tides:read")) == "ada"
        assert await other.admits(made.token(aud="tides")) == "InsufficientScope"
        assert await other.admits(made.token()) == "Unauthorized"
    assert metadata_addresses("https://id.example/realms/sea/") == (
        "https://id.example/.well-known/oauth-authorization-server/realms/sea",
        "https://id.example/.well-known/openid-configuration/realms/sea",
        "https://id.example/realms/sea/.well-known/openid-configuration",
    )


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://id.example", True), ("https://id.example:8443/realms/a", True), ("http://127.0.0.1:80/x", True),
        ("http://localhost:9", True), ("http://[::1]:9", True), ("http://id.example", False), ("id.example", False),
        ("https://", False), ("https://u:p@id.example", False), ("https://id.example?x=1", False),
        ("https://id.example/#a", False), ("https://id.example:x", False), ('https://id.example/"', False),
        ("https://id.example/\n", False), ("ftp://id.example", False), ("http://127.0.0.1.evil.example", False),
    ],
)  # fmt: skip
def test_an_issuer_is_asked_over_https_or_on_this_machine(address: str, good: bool) -> None:
    """Keys that came in the clear are anybody's keys."""
    assert (address_fault(address) == "") is good
    assert is_loopback("127.1.2.3")


@given(JSON)
def test_whatever_a_key_set_lists_is_read(listed: object) -> None:
    """A key that cannot be used is passed over."""
    assert dict(read_keys(listed)) == {}
    for kty in ("RSA", "EC", "OKP", "oct"):
        for crv in ("P-256", "Ed25519", ""):
            entry = {"kty": kty, "crv": crv, "n": "AQAB", "e": "AQAB", "x": "AQAB", "y": "AQAB"}
            assert dict(read_keys([entry, listed])) == {}


async def test_a_broken_answer_of_the_issuer_is_no_key_set() -> None:
    """Too large, too deep, or no JSON."""
    for body in (b"", b"[]", b"<html>", b"[" * 100_000, b'{"keys": 1}', b" " * 300_000 + b"{}"):

        async def answer(_address: str, body: bytes = body) -> bytes:
            return body

        keys = IssuerKeys("https://issuer.example", "https://issuer.example/keys", answer, lambda: NOW)
        with pytest.raises(UpstreamResting):
            await keys.find("one")
