"""Who may call: every way of showing it, by the policies of both adapters. test_inbound_gateway.py asks a server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import fairlead
from fairlead.cli.banner import Addresses, banner
from fairlead.errors import ConfigurationError, FairleadError, Unauthorized, UpstreamUnreachable
from fairlead.expose.caller_tokens import CallerTokens, open_token_file, read_token_file
from fairlead.expose.callers import KeyCheck, PasswordCheck, TokenCheck
from fairlead.expose.connect import http_client
from fairlead.expose.doors import Outside, asks_every_caller, open_doors
from fairlead.expose.http import Request
from fairlead.expose.inbound import InboundPolicy
from fairlead.expose.presenting import asked_of_callers, presenting
from fairlead.settings import Secret, Settings
from golden_files import assert_golden
from guarded_documents import BASIC, BEARER, HEADER_KEY, OAUTH, QUERY_KEY, guarded_plan
from hostile_json import JSON, NAMES
from issuer import NOW
from policies import SECRET, TOKENS, asking, bearer, doors, password, settings_with

HERE = Path(__file__).resolve().parent


async def test_without_any_authentication_anyone_may_call(tmp_path: Path) -> None:
    """On loopback nothing is asked for, and the request is passed on as it is."""
    request = bearer("whatever")
    caller, passed = await doors(guarded_plan(tmp_path)).rest.admit(request)
    assert (caller.name, caller.scopes) == ("", frozenset())
    assert passed is request


@pytest.mark.parametrize(
    ("authentication", "good", "name", "bad"),
    [
        (BEARER, bearer(SECRET), "bearer", [bearer("x" + SECRET), bearer(SECRET[:-1]), bearer(""), password(SECRET)]),
        (BEARER.replace("token", "value"), asking(("authorization", f"bEARER  {SECRET} ")), "bearer",
         [asking(("authorization", SECRET)), asking(*[("authorization", f"Bearer {SECRET}")] * 2)]),
        (BASIC, password(f"ada:{SECRET}"), "ada",
         [password(f"bob:{SECRET}"), password("ada:"), password("ada"), asking(("authorization", "Basic ?")),
          asking(("authorization", "Basic")), bearer(SECRET)]),
        (QUERY_KEY, asking(query=b"station=1&api_key=" + SECRET.encode()), "apikey",
         [asking(query=b"api_key=x"), asking(query=b"API_KEY=" + SECRET.encode()), bearer(SECRET),
          asking(query=b"api_key=x&api_key=" + SECRET.encode()), asking(("api_key", SECRET))]),
        (HEADER_KEY, asking(("x-depth", SECRET)), "apikey",
         [asking(("x-depth", "")), asking(query=b"X-Depth=" + SECRET.encode()), asking(*[("x-depth", SECRET)] * 2)]),
        ("{type: apiKey, in: header, name: X-Depth, value: '{{CALLERS}}'}", asking(("x-depth", SECRET)), "apikey", []),
        ("{type: API_KEY, placement: Header, key: X-Depth, value: 'v{{CALLERS}}'}", asking(("x-depth", "v" + SECRET)),
         "apikey", [asking(("x-depth", SECRET))]),
    ],
)  # fmt: skip
async def test_a_document_says_what_its_callers_show(
    tmp_path: Path, authentication: str, good: Request, name: str, bad: list[Request]
) -> None:
    """Each type of authentication, in the spellings in use; nothing but the credential is taken for it."""
    opened = doors(guarded_plan(tmp_path, rest=authentication))
    caller, _ = await opened.rest.admit(good)
    assert caller.name == name
    for request in [*bad, asking()]:
        with pytest.raises(Unauthorized) as refused:
            await opened.rest.admit(request)
        assert SECRET not in f"{refused.value}{refused.value.challenge}{refused.value.detail}"
    await opened.mcp.admit(asking())  # the other adapter declares nothing
    assert SECRET not in repr(opened)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"api_key=K&station=7", b"station=7"),
        (b"station=7&api%5Fkey=K&a=%26", b"station=7&a=%26"),
        (b"api_key=K", b""),
        (b"x=1&api+key=2&api_key=K", b"x=1&api+key=2"),
    ],
)
async def test_a_key_in_the_query_is_no_argument(tmp_path: Path, query: bytes, kept: bytes) -> None:
    """However its name is encoded, it is gone before arguments are read, and nothing else is touched."""
    policy = doors(guarded_plan(tmp_path, rest=QUERY_KEY)).rest
    _, passed = await policy.admit(asking(query=query.replace(b"K", SECRET.encode())))
    assert passed.query == kept


async def test_a_key_in_a_header_is_no_argument_even_under_the_name_of_one(tmp_path: Path) -> None:
    """`X-Depth` is an input of the operation; the key under that name does not travel upstream."""
    policy = doors(guarded_plan(tmp_path, rest=HEADER_KEY)).rest
    _, passed = await policy.admit(asking(("x-depth", SECRET), ("accept", "*/*")))
    assert passed.headers == [(b"accept", b"*/*")]


def test_every_authentication_that_cannot_be_held_is_told_and_not_served(tmp_path: Path) -> None:
    """Digest, introspection, a cookie, a misspelled key: the document is refused rather than served open."""
    (tmp_path / "badly-guarded.yaml").write_bytes((HERE / "documents/badly-guarded.yaml").read_bytes())
    assert_golden("badly-guarded.txt", fairlead("check", "badly-guarded.yaml", cwd=tmp_path).err)
    served = fairlead("serve", "badly-guarded.yaml", "--rest-port", "0", "--mcp-port", "0", cwd=tmp_path)
    assert served.code == 3


@pytest.mark.parametrize("authentication", [BEARER, BASIC, QUERY_KEY, OAUTH])
def test_a_missing_variable_is_named_at_the_start(tmp_path: Path, authentication: str) -> None:
    """An empty credential is never accepted."""
    for value in ("", "  "):
        secrets = {"TIDES_CALLERS": Secret(value), "TIDES_ISSUER": Secret(value)}
        with pytest.raises(ConfigurationError, match=r"TIDES_(CALLERS|ISSUER) is not set.*export TIDES_"):
            doors(guarded_plan(tmp_path, rest=authentication), secrets=secrets)


@pytest.mark.parametrize(
    ("authentication", "secrets"),
    [
        (BEARER, {"TIDES_CALLERS": Secret("with\nbreak")}),
        (HEADER_KEY, {"TIDES_CALLERS": Secret("é")}),
        (BASIC, {"TIDES_USER": Secret("a:b")}),
        (OAUTH, {"TIDES_ISSUER": Secret("http://issuer.example")}),
        (OAUTH, {"TIDES_ISSUER": Secret('https://issuer.example/"x')}),
        (HEADER_KEY.replace("X-Depth", "'X Depth'"), {}),
    ],
)
def test_what_no_caller_could_send_or_trust_is_refused_at_the_start(
    tmp_path: Path, authentication: str, secrets: dict[str, Secret]
) -> None:
    """Rather than a server that nobody can call, or that asks an issuer in the clear."""
    with pytest.raises(ConfigurationError) as refused:
        doors(guarded_plan(tmp_path, rest=authentication), secrets=secrets)
    assert "break" not in str(refused.value)


# Tokens of the settings and of a file.


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with two named tokens."""
    file = tmp_path / "tokens"
    file.write_text("# who may call\n\n" + "".join(f"{name}\t{token}\r\n" for name, token in TOKENS.items()))
    file.chmod(0o600)
    return file


async def test_each_token_of_the_file_has_a_name(tmp_path: Path, token_file: Path) -> None:
    """Beside the server's one token, which is called `api-token`."""
    named = dict(open_token_file(token_file).names)
    opened = doors(guarded_plan(tmp_path), named=named, api_token=Secret("own"), api_token_file=str(token_file))
    for policy in (opened.rest, opened.mcp):
        for name, token in {**TOKENS, "api-token": "own"}.items():
            assert (await policy.admit(bearer(token)))[0].name == name
        for wrong in ("", "ada", "ada-token-012345678", "ada-token-01234567890"):
            with pytest.raises(Unauthorized):
                await policy.admit(bearer(wrong))


async def test_a_file_that_is_read_again_replaces_all_of_its_tokens(tmp_path: Path) -> None:
    """At once, on both adapters; the server's own token stays."""
    named = read_token_file(f"ada {TOKENS['ada']}")
    opened = doors(guarded_plan(tmp_path), named=named, api_token=Secret("own"), api_token_file="tokens")
    opened.tokens.replace(read_token_file(f"bob {TOKENS['bob']}"))
    assert (await opened.mcp.admit(bearer(TOKENS["bob"])))[0].name == "bob"
    assert (await opened.rest.admit(bearer("own")))[0].name == "api-token"
    with pytest.raises(Unauthorized):
        await opened.rest.admit(bearer(TOKENS["ada"]))


def test_a_token_may_stand_in_the_file_as_its_digest() -> None:
    """So that the file is no secret; and a name may have two tokens while one replaces the other."""
    digest = hashlib.sha256(TOKENS["ada"].encode()).hexdigest()
    names = read_token_file(f"ada sha256:{digest.upper()}\nada {TOKENS['bob']}\n")
    tokens = CallerTokens({}, names)
    assert [tokens.name_of(token.encode()) for token in TOKENS.values()] == ["ada", "ada"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ada short", "shorter than 16"),
        ("ada", "not a name and a token"),
        ("ada one-token-0123456789 two", "not a name and a token"),
        ("a/b secret-token-0123456789", "a name has letters"),
        ("ada secret-tokén-0123456789", "cannot be sent"),
        ("ada sha256:12ab", "64 hexadecimal digits"),
        (f"eve {TOKENS['bob']}", "the token of `bob` once more"),
        (f"eve sha256:{hashlib.sha256(TOKENS['bob'].encode()).hexdigest()}", "the token of `bob` once more"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_not_shown(line: str, fault: str) -> None:
    """With its number; half a file is no file."""
    with pytest.raises(ConfigurationError) as refused:
        read_token_file(f"# tokens\nbob {TOKENS['bob']}\n{line}\nx y\n", "tokens")
    assert re.search(f"tokens:3: [^;]*{re.escape(fault)}", str(refused.value))
    assert "tokens:4: the token is shorter" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_token_file_that_others_may_write_is_refused_and_one_they_may_read_is_warned_of(token_file: Path) -> None:
    """Whoever writes it decides who may call."""
    assert open_token_file(token_file).warning == ""
    token_file.chmod(0o644)
    assert "chmod 600" in open_token_file(token_file).warning
    token_file.chmod(0o666)
    with pytest.raises(ConfigurationError, match="Anyone may write"):
        open_token_file(token_file)
    for text in ("", "# nobody\n", "\x00" * (1024 * 1024 + 1)):
        token_file.chmod(0o600)
        token_file.write_text(text)
        with pytest.raises(ConfigurationError):
            open_token_file(token_file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        open_token_file(token_file.parent / "absent")


def test_no_token_is_kept_and_every_comparison_is_of_digests() -> None:
    """What is looked up or compared is a digest, so no answer comes sooner for half of a token."""
    tokens = CallerTokens({}, read_token_file(f"ada {TOKENS['ada']}"))
    assert all(len(known) == 32 for known in tokens._named)
    key = KeyCheck(key="k", in_query=True, digest=hashlib.sha256(SECRET.encode()).digest())
    for holder in (tokens, TokenCheck(tokens), key, PasswordCheck("ada", SECRET)):
        slots = [repr(getattr(holder, name)) for name in type(holder).__slots__]
        assert not [text for text in (*slots, repr(holder)) if SECRET in text or TOKENS["ada"] in text]


@pytest.mark.parametrize(
    ("authentication", "shown", "scheme"),
    [
        (BEARER, "`Authorization: Bearer ${TIDES_CALLERS}`", {"type": "http", "scheme": "bearer"}),
        ("{type: bearer, token: secret}", "`Authorization: Bearer …`", {"type": "http", "scheme": "bearer"}),
        (BASIC, "`Authorization: Basic base64(${TIDES_USER}:${TIDES_CALLERS})`", {"type": "http", "scheme": "basic"}),
        (QUERY_KEY, "in the query: `api_key=${TIDES_CALLERS}`", {"type": "apiKey", "in": "query", "name": "api_key"}),
        (HEADER_KEY, "the header: `X-Depth: ${TIDES_CALLERS}`", {"type": "apiKey", "in": "header", "name": "X-Depth"}),
        (OAUTH, "`Authorization: Bearer ${ACCESS_TOKEN}`",
         {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description":
          "An access token of ${TIDES_ISSUER} for https://mcp.example/mcp, with the scope `tides:read`."}),
    ],
)  # fmt: skip
def test_callers_are_told_what_to_send_by_the_names_of_the_variables(
    tmp_path: Path, authentication: str, shown: str, scheme: dict[str, str]
) -> None:
    """The description and the page say which secret, and never what it is."""
    told = presenting(guarded_plan(tmp_path, rest=authentication).rest_authentication, token_required=True)
    assert told is not None
    assert shown in told.words
    assert told.scheme == scheme


def test_each_adapter_tells_its_own_callers(tmp_path: Path) -> None:
    """What its document declares; else the server's token, which a token file asks for too; else nothing."""
    half = [guarded_plan(tmp_path, rest=BASIC)]
    for changed in ({"api_token": Secret("own")}, {"api_token_file": "tokens"}):
        asked = asked_of_callers(half, settings_with(**changed))
        assert asked.rest is not None
        assert asked.rest.scheme["scheme"] == "basic"
        assert asked.mcp is not None
        assert asked.mcp.value == "Bearer ${FAIRLEAD_API_TOKEN}"
    assert asked_of_callers(half, settings_with()).mcp is None


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        (BEARER, ["-H", f"Authorization: Bearer {SECRET}"]),
        (BASIC, ["-u", f"ada:{SECRET}"]),
        (HEADER_KEY, ["-H", f"X-Depth: {SECRET}"]),
        (QUERY_KEY, ["--url-query", f"api_key={SECRET}"]),
        (QUERY_KEY.replace("api_key", "'a key=\"`id`'"), ["--url-query", f"a%20key%3D%22%60id%60={SECRET}"]),
        (
            HEADER_KEY.replace("X-Depth", "'$(id)`id`${x:-$(id)}\\\\\"'"),
            ["-H", f'$(id)`id`${{x:-$(id)}}\\\\": {SECRET}'],
        ),
        (OAUTH, ["-H", "Authorization: Bearer an.access.token"]),
    ],
)
def test_a_shell_puts_the_variables_into_the_option_of_curl_and_runs_nothing(
    tmp_path: Path, authentication: str, words: list[str]
) -> None:
    """Whoever pastes it runs no command of the document's author."""
    told = presenting(guarded_plan(tmp_path, rest=authentication).rest_authentication, token_required=False)
    assert told is not None
    variables = {"TIDES_CALLERS": SECRET, "TIDES_USER": "ada", "ACCESS_TOKEN": "an.access.token"}
    script = f"printf '%s\\n' {told.curl}"
    done = subprocess.run(["sh", "-c", script], env=variables, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == words


@pytest.mark.parametrize(
    ("authentication", "entry"),
    [
        ("", {"url": "http://x/mcp"}),
        (BEARER, {"url": "http://x/mcp", "headers": {"Authorization": "Bearer ${TIDES_CALLERS}"}}),
        (HEADER_KEY, {"url": "http://x/mcp", "headers": {"X-Depth": "${TIDES_CALLERS}"}}),
        (QUERY_KEY.replace("api_key", "a key"), {"url": "http://x/mcp?a%20key=${TIDES_CALLERS}"}),
        (OAUTH, {"url": "http://x/mcp"}),
    ],
)
def test_mcp_clients_are_configured_to_send_it(tmp_path: Path, authentication: str, entry: dict[str, object]) -> None:
    """In a header or in the address; where a client finds the issuer itself, nothing is configured."""
    asked = asked_of_callers([guarded_plan(tmp_path, mcp=authentication)], settings_with())
    configuration = json.loads(http_client("tides", "http://x/mcp", asked.mcp))
    assert configuration["mcpServers"]["tides"] == {"type": "http"} | entry


def test_the_banner_shows_both_ways_in_with_what_they_need(tmp_path: Path) -> None:
    """One line to paste for REST, one configuration for MCP, each with its own credential."""
    plan = guarded_plan(tmp_path, rest=BASIC, mcp=BEARER)
    asked = asked_of_callers([plan], settings_with())
    addresses = Addresses(rest_url="http://x", mcp_url="http://y/mcp", sandbox_url=None, asked=asked)
    text = banner((plan,), addresses, "{}", searched=False, bold=False)
    assert "curl 'http://x/v1/tides' -u \"${TIDES_USER}:${TIDES_CALLERS}\"\n" in text
    assert '"Authorization": "Bearer ${TIDES_CALLERS}"' in text


# What guards which adapter.


async def test_the_document_guards_its_adapter_and_the_token_the_other(tmp_path: Path) -> None:
    """Each by its own; neither opens the other's."""
    opened = doors(guarded_plan(tmp_path, rest=BEARER), api_token=Secret("own"))
    assert (await opened.rest.admit(bearer(SECRET)))[0].name == "bearer"
    assert (await opened.mcp.admit(bearer("own")))[0].name == "api-token"
    for policy, token in ((opened.rest, "own"), (opened.mcp, SECRET)):
        with pytest.raises(Unauthorized):
            await policy.admit(bearer(token))


def test_a_token_that_nothing_asks_for_is_refused(tmp_path: Path) -> None:
    """It would look like protection and be none."""
    plan = guarded_plan(tmp_path, rest=BEARER, mcp=BEARER)
    with pytest.raises(ConfigurationError, match="FAIRLEAD_API_TOKEN would never be asked for"):
        doors(plan, api_token=Secret("own"))
    with pytest.raises(ConfigurationError, match="token file tokens would never"):
        doors(plan, api_token_file="tokens", named=read_token_file(f"ada {TOKENS['ada']}"))


async def test_a_token_file_without_its_tokens_lets_nobody_in(tmp_path: Path) -> None:
    """A server that failed to read it is closed, not open."""
    with pytest.raises(Unauthorized):
        await doors(guarded_plan(tmp_path), api_token_file="tokens").rest.admit(bearer("x"))


async def test_documents_on_one_port_agree(tmp_path: Path) -> None:
    """One that declares nothing is behind the other's authentication; two that differ are served apart."""
    open_plan = guarded_plan(tmp_path, name="open.yaml")
    plans = guarded_plan(tmp_path, rest=BEARER), guarded_plan(tmp_path, rest=BEARER, name="same.yaml"), open_plan
    with pytest.raises(Unauthorized):
        await doors(*plans).rest.admit(asking())
    with pytest.raises(ConfigurationError, match=r"tides\.yaml and \S*other\.yaml ask callers of REST"):
        doors(plans[0], guarded_plan(tmp_path, rest=BASIC, name="other.yaml"))


def test_only_a_server_that_asks_every_caller_may_be_reached_from_the_network(tmp_path: Path) -> None:
    """Both adapters are guarded, or the one that is not has nothing to serve."""
    half, whole = guarded_plan(tmp_path, rest=BEARER), guarded_plan(tmp_path, rest=BEARER, mcp=OAUTH)
    assert not asks_every_caller([guarded_plan(tmp_path)], Settings())
    assert not asks_every_caller([half], Settings())
    assert asks_every_caller([whole], Settings())
    assert asks_every_caller([half], Settings(api_token=Secret("own")))
    assert asks_every_caller([half], Settings(api_token_file="tokens"))


# Whatever comes.


def _written(part: object) -> bytes:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


HEADER_BYTES = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda rest: b"Bearer " + rest),
    st.binary(max_size=60).map(lambda rest: b"basic " + base64.b64encode(rest)),
    st.lists(st.binary(max_size=30).map(base64.urlsafe_b64encode), min_size=3, max_size=3).map(
        lambda parts: b"Bearer " + b".".join(parts)
    ),
    st.tuples(st.dictionaries(NAMES, JSON), JSON, st.binary()).map(
        lambda parts: b"Bearer " + b".".join(_written(part) for part in (*parts[:2], parts[2].hex()))
    ),
)


@pytest.fixture(scope="module")
def guarded_ways(tmp_path_factory: pytest.TempPathFactory) -> list[InboundPolicy]:
    """A policy for each type of authentication; the issuer cannot be reached."""

    async def offline(_address: str) -> bytes:
        raise UpstreamUnreachable("No connection.")

    chosen = settings_with(secrets={"TIDES_ISSUER": Secret("https://issuer.example")})
    outside = Outside(fetch=offline, now=lambda: NOW)
    folder = tmp_path_factory.mktemp("ways")
    plans = [guarded_plan(folder, rest=text) for text in (BEARER, BASIC, QUERY_KEY, HEADER_KEY, OAUTH)]
    return [open_doors([plan], chosen, "127.0.0.1", {}, outside).rest for plan in plans]


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"x-depth", b"host"]), HEADER_BYTES), max_size=3), st.binary()
)
@settings(max_examples=250, deadline=None)
def test_whatever_bytes_come_are_answered(
    guarded_ways: list[InboundPolicy], headers: list[tuple[bytes, bytes]], query: bytes
) -> None:
    """Nothing but an error of ours comes out of any check."""
    request = Request("GET", "/v1/tides", query, headers)
    outcomes = asyncio.run(_tried(guarded_ways, request))
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, FairleadError)] == []


async def _tried(policies: list[InboundPolicy], request: Request) -> list[object]:
    return await asyncio.gather(*[policy.admit(request) for policy in policies], return_exceptions=True)
