"""How a provider wants to be authenticated to, and which of that Fairlead can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.openapi.model import Scheme
from fairlead.openapi.references import References
from fairlead.openapi.shapes import listed, mapping, text
from fairlead.openapi.wire import usable_name
from fairlead.spec.source import JsonValue

_MOST_ALTERNATIVES = 20


def read_schemes(found: JsonValue, references: References) -> dict[str, Scheme]:
    """The schemes by name, of OpenAPI 3 or of Swagger 2.0."""
    return {name: _scheme(name, references.mapping(each)) for name, each in mapping(found).items()}


def _scheme(name: str, scheme: dict[str, JsonValue]) -> Scheme:
    kind, word = text(scheme.get("type")), text(scheme.get("scheme")).lower()
    if kind == "basic" or (kind == "http" and word == "basic"):
        return Scheme(name=name, kind="basic", spelled="a user name and a password")
    if kind == "http" and word == "bearer":
        return Scheme(name=name, kind="bearer", spelled="a bearer token")
    if kind in {"oauth2", "openIdConnect"}:
        return Scheme(name=name, kind="bearer", spelled="an access token that you fetch yourself")
    key, placement = text(scheme.get("name")), text(scheme.get("in"))
    if kind == "apiKey" and placement in {"header", "query", "cookie"} and usable_name(key):
        return Scheme(name=name, kind="apikey", spelled=f"the key `{key}`", key=key, placement=placement)
    spelled = f"`{kind[:40]} {word[:40]}`".replace(" `", "`")
    return Scheme(name=name, kind=None, spelled=spelled)


def read_security(stated: JsonValue) -> tuple[tuple[str, ...], ...]:
    """The alternatives of a security requirement, each the names of schemes that go together; empty: none is asked."""
    return tuple(tuple(mapping(each)) for each in listed(stated)[:_MOST_ALTERNATIVES])


def chosen_scheme(
    security: Sequence[tuple[str, ...]], ranked: Sequence[str], schemes: Mapping[str, Scheme]
) -> Scheme | None:
    """The best ranked scheme that is enough alone for one of the alternatives, else one that is asked with others."""
    alone = {each[0] for each in security if len(each) == 1}
    together = {name for each in security for name in each}
    for asked in (alone, together):
        found = next((schemes[name] for name in ranked if name in asked and schemes[name].kind), None)
        if found is not None:
            return found
    return None
