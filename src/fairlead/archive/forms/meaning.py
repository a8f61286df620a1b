"""What an event means, as data: what was done, how it ended, to what kind of thing, and how much it matters."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Act(StrEnum):
    """What was done, told apart as far as other systems' vocabularies do."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    ACCEPT = "accept"
    QUEUE = "queue"
    START = "start"
    END = "end"
    ENTER = "enter"
    CALL = "call"
    REFUSE = "refuse"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How it ended; *unknown* where the event does not say."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Subject(StrEnum):
    """To what kind of thing: what runs and is configured, or who may do what."""

    RESOURCE = "resource"
    CREDENTIAL = "credential"
    PRIVILEGE = "privilege"
    ACCOUNT = "account"
    INVITATION = "invitation"


class Severity(StrEnum):
    """How much it matters, before anybody has looked at it."""

    UNKNOWN = "unknown"
    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"


class Meaning(NamedTuple):
    """What an event means."""

    act: Act
    outcome: Outcome
    subject: Subject
    severity: Severity


_EVENT_TYPES: Mapping[tuple[Act, Outcome], str] = {
    (Act.CREATE, Outcome.UNKNOWN): "CREATE CLONE IMPORT",
    (Act.READ, Outcome.UNKNOWN): "EXPORT",
    (Act.UPDATE, Outcome.UNKNOWN): "UPDATE LOCK UNLOCK",
    (Act.DELETE, Outcome.UNKNOWN): "DELETE",
    (Act.ACCEPT, Outcome.UNKNOWN): "ACCEPT",
    (Act.QUEUE, Outcome.UNKNOWN): """
        DEPLOY_QUEUED STOP_QUEUED RESTART_QUEUED DELETE_QUEUED UNINSTALL_QUEUED MAINTENANCE DRY_RUN
        FORCE_RUN_QUEUED FORCE_RUN_QUEUED_DEPLOY FORCE_RUN_QUEUED_STOP FORCE_RUN_QUEUED_DELETE""",
    (Act.START, Outcome.UNKNOWN): """
        TRIGGER_REDEPLOY TRIGGER_CANCEL TRIGGER_DEPLOY TRIGGER_STOP TRIGGER_RESTART TRIGGER_DELETE TRIGGER_UNINSTALL
        TRIGGER_DEPLOY_DRY_RUN TRIGGER_TERRAFORM_FORCE_UNLOCK TRIGGER_TERRAFORM_MIGRATE_STATE TRIGGER_FORCE_RUN
        TRIGGER_FORCE_RUN_DEPLOY TRIGGER_FORCE_RUN_STOP TRIGGER_FORCE_RUN_DELETE""",
    (Act.END, Outcome.SUCCESS): """
        DEPLOYED STOPPED DELETED UNINSTALLED RESTARTED DEPLOYED_DRY_RUN FORCE_RUN_SUCCEEDED
        TERRAFORM_FORCE_UNLOCK_SUCCEEDED TERRAFORM_MIGRATE_STATE_SUCCEEDED""",
    (Act.END, Outcome.FAILURE): """
        DEPLOY_FAILED STOP_FAILED DELETE_FAILED UNINSTALL_FAILED RESTART_FAILED DEPLOYED_DRY_RUN_FAILED
        FORCE_RUN_FAILED TERRAFORM_FORCE_UNLOCK_FAILED TERRAFORM_MIGRATE_STATE_FAILED""",
    (Act.ENTER, Outcome.UNKNOWN): "SHELL PORT_FORWARD REMOTE_DEBUG",
    (Act.CALL, Outcome.UNKNOWN): "MCP",
    (Act.REFUSE, Outcome.FAILURE): "POLICY_FAILED",
}

EVENT_TYPES: Mapping[str, tuple[Act, Outcome]] = {
    event_type: said for said, event_types in _EVENT_TYPES.items() for event_type in event_types.split()
}
"""What each known event type says."""

SUB_TARGET_TYPES: Mapping[str, Subject] = {
    "API_TOKEN": Subject.CREDENTIAL,
    "CLOUD_PROVIDER_CREDENTIALS": Subject.CREDENTIAL,
    "CLUSTER_CREDENTIALS": Subject.CREDENTIAL,
    "CUSTOM_ROLE": Subject.CREDENTIAL,
    "GITHUB_APP": Subject.CREDENTIAL,
    "GIT_TOKEN": Subject.CREDENTIAL,
    "INVITATION": Subject.INVITATION,
    "JWT_TOKEN_FORGED": Subject.CREDENTIAL,
    "KUBERNETES_CREDENTIALS": Subject.CREDENTIAL,
    "MEMBER_ROLE": Subject.PRIVILEGE,
    "POLICY_API_TOKEN": Subject.CREDENTIAL,
    "SSO": Subject.CREDENTIAL,
    "TRANSFER_OWNERSHIP": Subject.PRIVILEGE,
}
"""The sub-target types that are about who may do what; the others are about resources."""

TARGET_TYPES: Mapping[str, Subject] = {
    "ENTERPRISE_CONNECTION": Subject.CREDENTIAL,
    "MEMBERS_AND_ROLES": Subject.ACCOUNT,
}
"""The target types that are about who may do what, where the sub-target type does not say it better."""

RECORDED = frozenset({Act.CREATE, Act.READ, Act.UPDATE, Act.DELETE, Act.ACCEPT})
"""Acts on what is recorded about a thing; every other act runs something, which is a resource."""

SEVERITIES: Mapping[tuple[Act, Outcome], Severity] = {
    (Act.END, Outcome.FAILURE): Severity.MEDIUM,
    (Act.REFUSE, Outcome.FAILURE): Severity.MEDIUM,
    (Act.UNKNOWN, Outcome.FAILURE): Severity.MEDIUM,
    (Act.ENTER, Outcome.UNKNOWN): Severity.LOW,
    (Act.UNKNOWN, Outcome.UNKNOWN): Severity.UNKNOWN,
}
"""How much what an event type says matters; what is not here is informational."""


@lru_cache(maxsize=4_096)
def meaning(event_type: str | None, target_type: str | None, sub_target_type: str | None) -> Meaning:
    """What an event of these types means; types that nobody has seen yet have a meaning too."""
    said = EVENT_TYPES.get(event_type or "") or _unseen(event_type or "")
    subject = SUB_TARGET_TYPES.get(sub_target_type or "") or TARGET_TYPES.get(target_type or "")
    if subject is None or said[0] not in RECORDED:
        subject = Subject.RESOURCE
    return Meaning(*said, subject, SEVERITIES.get(said, Severity.INFORMATIONAL))


def _unseen(event_type: str) -> tuple[Act, Outcome]:
    """The upstream adds event types every month; those that end in _FAILED have all been failures."""
    return Act.UNKNOWN, Outcome.FAILURE if event_type.endswith("_FAILED") else Outcome.UNKNOWN
