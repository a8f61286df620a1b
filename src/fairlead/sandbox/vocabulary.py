"""Which enum values a sandbox speaks: those of a date, or of a future nobody has seen."""

from typing import NamedTuple

from fairlead.archive.contract import EVENT_TYPES, ORIGINS, SUB_TARGET_TYPES, TARGET_TYPES
from fairlead.sandbox.options import Vocabulary
from fairlead.sandbox.stories import Step


class Words(NamedTuple):
    """The four enum values of one event."""

    event_type: str
    target_type: str
    sub_target_type: str | None
    origin: str


class Lexicon(NamedTuple):
    """The values a filter may name."""

    event_types: frozenset[str]
    target_types: frozenset[str]
    sub_target_types: frozenset[str]
    origins: frozenset[str]


_FUTURE = Words("SNAPSHOT_RESTORED", "EDGE_FUNCTION", "COST_BUDGET", "MOBILE_APP")
_OLD_EVENT_TYPES = (
    "CREATE UPDATE DELETE ACCEPT EXPORT TRIGGER_REDEPLOY TRIGGER_CANCEL"
    " TRIGGER_DEPLOY TRIGGER_STOP TRIGGER_RESTART TRIGGER_DELETE"
)
_NEW_TARGETS = ("AGENTIC_WORKFLOW", "ENTERPRISE_CONNECTION", "HELM_REPOSITORY", "TERRAFORM")
_OLD_SUB_TARGETS = (
    "ADVANCED_SETTINGS API_TOKEN BILLING_INFO BILLING_USAGE_REPORT CLOUD_PROVIDER_CREDENTIALS"
    " CLUSTER_CREDENTIALS CLUSTER_ROUTING_TABLE CONFIG CREDIT_CARD CREDIT_CODE CUSTOM_DOMAIN CUSTOM_ROLE"
    " DEPLOYMENT_RULE DEPLOYMENT_STAGE GITHUB_APP GIT_REPOSITORY GIT_TOKEN INVITATION MEMBER_ROLE PLAN SECRET"
    " TRANSFER_OWNERSHIP VARIABLE"
)
_NOW = Lexicon(frozenset(EVENT_TYPES), frozenset(TARGET_TYPES), frozenset(SUB_TARGET_TYPES), frozenset(ORIGINS))
_OLD = Lexicon(
    frozenset(_OLD_EVENT_TYPES.split()),
    _NOW.target_types - {*_NEW_TARGETS},
    frozenset(_OLD_SUB_TARGETS.split()),
    _NOW.origins - {"SKILL"},
)
_LATER = Lexicon(
    _NOW.event_types | {_FUTURE.event_type},
    _NOW.target_types | {_FUTURE.target_type},
    _NOW.sub_target_types | {"COST_BUDGET"},
    _NOW.origins | {_FUTURE.origin},
)


def lexicon(vocabulary: Vocabulary) -> Lexicon:
    """The values known under a vocabulary."""
    return {"2024-03": _OLD, "2026-08": _NOW, "future": _LATER}[vocabulary]


def words(step: Step, vocabulary: Vocabulary) -> Words:
    """The enum values of a step, in the words of the vocabulary."""
    if vocabulary == "2024-03":
        return _in_old_words(step)
    if vocabulary == "future":
        return _in_new_words(step)
    return Words(step.event_type, step.target.kind, step.sub_target_type, step.actor.origin)


def _in_old_words(step: Step) -> Words:
    event_type, target, sub, origin = (
        step.event_type,
        step.target.kind,
        step.sub_target_type,
        step.actor.origin,
    )
    if event_type not in _OLD.event_types:
        verb = "DELETE" if "DELETE" in event_type else "STOP" if "STOP" in event_type else "DEPLOY"
        event_type = f"TRIGGER_{verb}" if step.shape == "run" else "UPDATE"
    if target not in _OLD.target_types:
        target = "APPLICATION" if step.home else "ORGANIZATION"
    if sub is not None and sub not in _OLD.sub_target_types:
        sub = "CONFIG"
    return Words(event_type, target, sub, origin if origin in _OLD.origins else "API")


def _in_new_words(step: Step) -> Words:
    plain = Words(step.event_type, step.target.kind, step.sub_target_type, step.actor.origin)
    new = step.draw % 200
    if new == 0:
        return plain._replace(event_type=_FUTURE.event_type)
    if new == 1:
        return plain._replace(target_type=_FUTURE.target_type)
    if new == 2:
        return plain._replace(sub_target_type=_FUTURE.sub_target_type)
    return plain._replace(origin=_FUTURE.origin) if new == 3 else plain
