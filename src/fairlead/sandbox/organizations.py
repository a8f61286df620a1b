"""The organization resource, with the plan and the retention a client must read at run time."""

from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_ORGANIZATION_NAME, SandboxOptions

_PLANS = {3: "USER_2025", 7: "TEAM_2025", 30: "BUSINESS_2025"}


def organization(organization_id: str, options: SandboxOptions) -> dict[str, object]:
    """An organization as `GET /organization/{id}` shows it."""
    plan = _PLANS.get(options.retention_days, "ENTERPRISE_2025")
    demo = organization_id == DEMO_ORGANIZATION_ID
    return {
        "id": organization_id,
        "created_at": "2023-02-01T09:00:00Z",
        "updated_at": "2026-01-12T14:30:00Z",
        "name": DEMO_ORGANIZATION_NAME if demo else "Somebody Else",
        "description": "A stand-in organization served by the Fairlead sandbox",
        "plan": "ENTERPRISE",
        "website_url": None,
        "organization_plan": {"plan": plan, "audit_logs_retention_in_days": options.retention_days},
    }
