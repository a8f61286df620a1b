"""How an upstream wants to be authenticated to, from the spellings that authors use (dialect R31)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from fairlead.plan.findings import Findings
from fairlead.plan.model import Authentication, Placement, TokenSchemeRule
from fairlead.plan.templates import Template, parse_template
from fairlead.plan.variables import environment_variable
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import Authentication as Authored
from fairlead.spec.source import Path

_REQUIRED = {"bearer": ("token",), "apikey": ("key", "value"), "basic": ("username", "password")}
_PLACEMENTS: Mapping[str, Placement] = {
    "header": "header", "query": "query", "cookie": "cookie", "body": "body",
}  # fmt: skip
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelled:
    """An authentication in one spelling."""

    type: Literal["bearer", "apikey", "basic"]
    texts: Mapping[str, str | None]
    schemes: tuple[TokenSchemeRule, ...] = ()


def read_outbound(
    authored: Authored, binds: Mapping[str, str], where: str, at: Path, findings: Findings
) -> Authentication | None:
    """The authentication of the upstream `where`; None when there was an error, or a refusal, which is told."""
    placement = _PLACEMENTS.get(authored.placement or authored.in_ or "header")
    if authored.type not in _REQUIRED or placement is None:
        what = authored.type if placement else f"{authored.type} in the {authored.placement or authored.in_}"
        message = f"authentication by `{what}` is not supported, so no operation of `{where}` is run"
        findings.warning(at, "unsupported-authentication", message)
        return None
    spelled = _spelled(authored, tuple(_scheme_rules(authored, at, findings)))
    # An empty password is one: many an API takes its key as the user name.
    missing = [key for key in _REQUIRED[spelled.type] if not spelled.texts[key] and spelled.texts[key] != ""]
    for key in missing:
        message = f"an authentication of type `{authored.type}` needs `{key}`, so no operation of `{where}` is run"
        findings.warning(at, "missing-key", message)
    if missing:
        return None
    templates = {key: parse_template(text) for key, text in spelled.texts.items() if text is not None}
    variables = dict(_variables(templates, binds, where, at, findings))
    if any(variable not in variables for template in templates.values() for variable in template.variables):
        return None
    return Authentication(
        type=spelled.type, placement=placement, schemes=spelled.schemes, variables=variables, **templates
    )


def _spelled(authored: Authored, schemes: tuple[TokenSchemeRule, ...]) -> _Spelled:
    if authored.type == "bearer":
        token = (authored.token or authored.value or "").removeprefix("Bearer ") or None
        return _Spelled(type="bearer", texts={"token": token}, schemes=schemes)
    if authored.type == "basic" and authored.token and not authored.username:
        # A token in place of a pair is one that was encoded already.
        ready = TokenSchemeRule(scheme="Basic")
        return _Spelled(type="bearer", texts={"token": authored.token.removeprefix("Basic ")}, schemes=(ready,))
    if authored.type == "basic":
        return _Spelled(type="basic", texts={"username": authored.username or None, "password": authored.password})
    if authored.header:  # {header: NAME, key: VALUE}
        return _Spelled(type="apikey", texts={"key": authored.header, "value": authored.value or authored.key})
    value = authored.value or authored.token or None
    return _Spelled(type="apikey", texts={"key": authored.key or authored.name or None, "value": value})


def _variables(
    templates: Mapping[str, Template], binds: Mapping[str, str], where: str, at: Path, findings: Findings
) -> Iterable[tuple[str, str]]:
    for key, template in templates.items():
        for variable in template.variables:
            bound = bound_variable(variable, binds, where, (*at, key), findings)
            if bound is None:
                message = f"no bind has the key `{variable}`, so no operation of `{where}` is run"
                findings.warning((*at, key), "unknown-variable", message + did_you_mean(variable, sorted(binds)))
            else:
                yield variable, bound


def bound_variable(variable: str, binds: Mapping[str, str], where: str, at: Path, findings: Findings) -> str | None:
    """The variable of the environment behind one of a text; one that no bind has is told (dialect R16)."""
    if variable in binds:
        return binds[variable]
    bound = environment_variable(variable)
    if bound is not None:
        message = f"no bind has `{variable}`, so it is the environment variable {bound}"
        findings.warning(at, "unbound-variable", message + did_you_mean(variable, sorted(binds)))
        findings.inferred(at, "unbound-variable", where, message)
    return bound


def _scheme_rules(authored: Authored, at: Path, findings: Findings) -> Iterable[TokenSchemeRule]:
    for index, rule in enumerate(authored.token_schemes):
        here = (*at, "x-fairlead-token-schemes", index)
        if not _SCHEME.fullmatch(rule.scheme):
            findings.error((*here, "scheme"), "bad-scheme", f"`{rule.scheme}` is no authorization scheme")
            continue
        try:
            pattern = re.compile(rule.pattern) if rule.pattern else None
        except re.error as failure:
            findings.error((*here, "pattern"), "bad-pattern", f"the pattern is no regular expression: {failure}")
            continue
        yield TokenSchemeRule(scheme=rule.scheme, pattern=pattern)
