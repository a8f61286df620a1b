"""Turns what a document says about authentication into a credential, with the secrets of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.errors import ConfigurationError
from fairlead.plan.model import Authentication, Upstream, UpstreamCall
from fairlead.plan.templates import Template
from fairlead.settings import Secret
from fairlead.upstream.auth import Credential, api_key, basic, bearer


def credential_variables(upstream: Upstream) -> tuple[str, ...]:
    """The environment variables an upstream's credential is made of."""
    return tuple(upstream.authentication.variables.values()) if upstream.authentication else ()


def call_variables(call: UpstreamCall) -> tuple[str, ...]:
    """The environment variables without which a call cannot be made: its credential's, its inputs' and its body's."""
    return tuple(dict.fromkeys((*credential_variables(call.upstream), *call.environment)))


def missing_variables(needed: Iterable[str], secrets: Mapping[str, Secret]) -> tuple[str, ...]:
    """Those of the variables that the environment lacks, in order, each once."""
    names = dict.fromkeys(needed)
    return tuple(name for name in names if name not in secrets or not secrets[name].reveal().strip())


def resolve_credential(upstream: Upstream, secrets: Mapping[str, Secret]) -> Credential:
    """The credential of an upstream.

    Raises ConfigurationError, naming every variable that is missing; an empty credential is never sent.
    """
    missing = missing_variables(credential_variables(upstream), secrets)
    if missing:
        names = " and ".join(missing)
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigurationError(
            f"{names} {verb} not set, and `{upstream.namespace}` cannot be called without it.",
            remedy=f"Type `export {missing[0]}=…` with your key, or try the stand-in with `--sandbox`.",
        )
    authentication = upstream.authentication
    return Credential() if authentication is None else _credential(authentication, secrets)


def _credential(authentication: Authentication, secrets: Mapping[str, Secret]) -> Credential:
    def render(template: Template | None) -> Secret:
        assert template is not None  # the compiler made sure
        value = template.render(lambda name: secrets[authentication.variables[name]].reveal().strip())
        return Secret(value)

    if authentication.type == "bearer":
        schemes = [(rule.pattern, rule.scheme) for rule in authentication.schemes]
        return bearer(render(authentication.token), schemes)
    if authentication.type == "apikey":
        return api_key(render(authentication.key).reveal(), render(authentication.value), authentication.placement)
    return basic(render(authentication.username), render(authentication.password))
