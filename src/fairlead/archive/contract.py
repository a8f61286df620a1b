"""The upstream's contract for organization events, as plain data and a few pure functions."""

import re
from datetime import UTC, datetime

BASE_URI = "https://api.qovery.com"

TRAIL_URI = "https://archive.fairlead.invalid"
"""The address that the audit trail's document names: our own archive answers, and no network has it."""

EVENT_TYPES = tuple(
    """
    CREATE UPDATE DELETE ACCEPT EXPORT CLONE
    DEPLOY_QUEUED STOP_QUEUED RESTART_QUEUED DELETE_QUEUED UNINSTALL_QUEUED MAINTENANCE DRY_RUN
    TRIGGER_REDEPLOY TRIGGER_CANCEL
    FORCE_RUN_QUEUED FORCE_RUN_QUEUED_DEPLOY FORCE_RUN_QUEUED_STOP FORCE_RUN_QUEUED_DELETE
    TRIGGER_DEPLOY TRIGGER_STOP TRIGGER_RESTART TRIGGER_DELETE TRIGGER_UNINSTALL TRIGGER_DEPLOY_DRY_RUN
    TRIGGER_TERRAFORM_FORCE_UNLOCK TRIGGER_TERRAFORM_MIGRATE_STATE
    TRIGGER_FORCE_RUN TRIGGER_FORCE_RUN_DEPLOY TRIGGER_FORCE_RUN_STOP TRIGGER_FORCE_RUN_DELETE
    DEPLOYED STOPPED DELETED UNINSTALLED RESTARTED DEPLOYED_DRY_RUN FORCE_RUN_SUCCEEDED
    TERRAFORM_FORCE_UNLOCK_SUCCEEDED TERRAFORM_MIGRATE_STATE_SUCCEEDED
    DEPLOY_FAILED STOP_FAILED DELETE_FAILED UNINSTALL_FAILED RESTART_FAILED DEPLOYED_DRY_RUN_FAILED
    FORCE_RUN_FAILED TERRAFORM_FORCE_UNLOCK_FAILED TERRAFORM_MIGRATE_STATE_FAILED
    SHELL PORT_FORWARD REMOTE_DEBUG MCP IMPORT LOCK UNLOCK POLICY_FAILED
    """.split()  # noqa: SIM905  57 quoted lines would read worse
)
"""The event types known in August 2026; the upstream adds some every month, so the set is never closed."""

TARGET_TYPES = tuple(
    """
    AGENTIC_WORKFLOW APPLICATION CLUSTER CONTAINER CONTAINER_REGISTRY DATABASE ENTERPRISE_CONNECTION
    ENVIRONMENT JOB HELM HELM_REPOSITORY MEMBERS_AND_ROLES ORGANIZATION PROJECT WEBHOOK TERRAFORM
    """.split()  # noqa: SIM905
)
"""The target types known in August 2026."""

SUB_TARGET_TYPES = tuple(
    """
    ADVANCED_SETTINGS ALERT_RECEIVER ALERT_RULE ANNOTATIONS_GROUP API_TOKEN ARGOCD_CLUSTER_MAPPING
    ARGOCD_CONFIGURATION BILLING_INFO BILLING_USAGE_REPORT BLUEPRINT_MIGRATION CLOUD_PROVIDER_CREDENTIALS
    CLUSTER_CREDENTIALS CLUSTER_ROUTING_TABLE CONFIG CREDIT_CARD CREDIT_CODE CUSTOM_DOMAIN CUSTOM_ROLE
    DEPLOYMENT_RULE DEPLOYMENT_STAGE DNS_PROVIDER GITHUB_APP GIT_REPOSITORY GIT_TOKEN INVITATION
    JWT_TOKEN_FORGED KUBERNETES_CONFIGURATION KUBERNETES_CREDENTIALS LABELS_GROUP MCP_SERVER MEMBER_ROLE
    PLAN POLICY_API_TOKEN REMOTE_ACCESS SECRET SSO TERRAFORM TOOL_CALL TRANSFER_OWNERSHIP VARIABLE
    """.split()  # noqa: SIM905
)
"""The sub-target types known in August 2026."""

ORIGINS = ("API", "CLI", "CONSOLE", "GIT", "QOVERY_INTERNAL", "SKILL", "TERRAFORM_PROVIDER")
"""The origins known in August 2026; an origin is the caller's claim, not proof."""

TARGET_LEVELS = ("PROJECT", "ENVIRONMENT")
"""The values of `targetLevelToFetch`."""

SERVICE_TARGET_TYPES = (
    "AGENTIC_WORKFLOW",
    "APPLICATION",
    "CONTAINER",
    "DATABASE",
    "HELM",
    "JOB",
    "TERRAFORM",
)
"""The target types that live in an environment of a project."""

EVENT_KEYS = (
    "id",
    "timestamp",
    "event_type",
    "target_id",
    "target_name",
    "target_type",
    "sub_target_type",
    "change",
    "origin",
    "triggered_by",
    "project_id",
    "project_name",
    "environment_id",
    "environment_name",
    "user_agent",
    "original_change",
)
"""The keys of an event, in the order the upstream writes them."""

PAGE_SIZE_DEFAULT = 10
PAGE_SIZE_MAXIMUM = 100
RATE_LIMIT_PER_HOUR = 1_000
NANOS_PER_MICRO = 1_000
NANOS_PER_SECOND = 1_000_000_000
MICROS_PER_SECOND = 1_000_000

_DIGITS = re.compile(r"[0-9]{1,19}")


def digits(text: str) -> int:
    """Read 1 to 19 ASCII digits exactly, as timestamps and page tokens are sent; otherwise ValueError."""
    if _DIGITS.fullmatch(text) is None:
        raise ValueError("expected 1 to 19 digits")
    return int(text)


def filter_nanos(text: str, *, seconds_only: bool = False) -> int:
    """Read a filter's timestamp as nanoseconds: up to 11 digits are seconds, 16 to 19 are nanoseconds.

    Anything else is a ValueError: 12 to 15 digits would be milliseconds or a typing mistake, and a guess
    there loses data in silence. With `seconds_only` every number is seconds, as a literal upstream reads it.
    """
    number = digits(text)
    if seconds_only or len(text) <= 11:
        return number * NANOS_PER_SECOND
    if len(text) < 16:
        raise ValueError("expected Unix seconds (at most 11 digits) or nanoseconds (16 to 19 digits)")
    return number


def instant_text(micros: int) -> str:
    """Print microseconds since 1970 as Java's `Instant.toString`: UTC, with 0, 3 or 6 fraction digits."""
    seconds, fraction = divmod(micros, MICROS_PER_SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if not fraction:
        return f"{whole}Z"
    if fraction % 1000 == 0:
        return f"{whole}.{fraction // 1000:03d}Z"
    return f"{whole}.{fraction:06d}Z"
