"""Who and what lives in the organization: projects, environments, services, people and tokens."""

from dataclasses import dataclass
from functools import lru_cache

from fairlead.sandbox.chance import fall, number, pick, shares, uuid
from fairlead.sandbox.options import DEMO_ORGANIZATION_NAME

PROJECTS = (
    "booking", "timetable", "payments", "loyalty", "boarding", "fleet", "cargo", "ticketing", "crew",
    "weather", "pricing", "notifications", "identity", "search", "partners", "reporting", "data-platform",
    "back-office", "mobile-gateway", "website",
)  # fmt: skip
PARTS = (
    "api", "worker", "web", "gateway", "scheduler", "cache", "consumer", "importer", "admin", "mailer",
    "webhook", "indexer", "renderer", "proxy", "sync", "metrics", "auth", "feed", "ledger", "router",
)  # fmt: skip
PEOPLE = (
    "Ana Ribeiro", "Tomasz Nowak", "Ingrid Solberg", "Kofi Mensah", "Léa Fournier", "Mehmet Yıldız",
    "Priya Nair", "Jonas Lindqvist", "Marta Kowalska", "Diego Herrera", "Aoife Byrne", "Yuki Tanaka",
    "Samir Haddad", "Elena Petrova", "Lucas Martin", "Noor Bakker", "Hana Novak", "Oliver Grant",
    "Chidi Okafor", "Sofia Ricci",
)  # fmt: skip
TITLES = (
    "fix seat map", "bump node 22", "new checkout", "retry refunds", "dark mode", "faster search",
    "drop legacy auth", "add tracing", "split invoices", "cache timetable", "typo in footer",
    "upgrade postgres",
)  # fmt: skip
TOKENS = ("ci-github-actions", "release-bot", "preview-cleaner", "backstage", "nightly-e2e")
FORGES = ("GitHub", "GitHub", "GitHub", "GitLab")
API_AGENTS = (
    "curl/8.9.1", "python-requests/2.32.3", "Go-http-client/1.1", "OpenAPI-Generator/1.0.0/go", "axios/1.7.7",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36",
)  # fmt: skip
SKILL_AGENT = "QoverySkill/qovery-deploy (version:3f9c2ab; https://github.com/Qovery/qovery-skills)"
_SERVICE_SHARES = shares(APPLICATION=30, CONTAINER=30, JOB=15, DATABASE=10, HELM=8, TERRAFORM=5, AGENTIC_WORKFLOW=2)
_STANDING = ("production", "staging", "dev")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment, with the names it and its project had at the moment of the event."""

    project_id: str
    project_name: str
    id: str
    name: str
    project: int
    size: int


@dataclass(frozen=True, slots=True)
class Target:
    """What an event happened to."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, through what, and what their client called itself."""

    origin: str
    triggered_by: str
    user_agent: str | None


@lru_cache(maxsize=4096)
def environment(seed: int, project: int, slot: int, age: int) -> Environment:
    """Environment `slot` of a project: three standing ones, then previews that live for one age."""
    name = PROJECTS[project % len(PROJECTS)]
    if project >= len(PROJECTS):
        name = f"{name}-{project // len(PROJECTS) + 1}"
    # One project in eight was renamed once; the id stays and old events keep the old name.
    turning = number(seed, "renamed", project)
    if turning % 8 == 0 and age > turning % 11:
        name = f"{name}-platform"
    size = 3 + number(seed, "size", project) % 18
    project_id = uuid(seed, "project", project)
    if slot < len(_STANDING):
        return Environment(project_id, name, uuid(seed, "environment", project, slot), _STANDING[slot], project, size)
    title = pick(number(seed, "title", project, slot, age), TITLES)
    key = uuid(seed, "environment", project, slot, age)
    return Environment(project_id, name, key, f"[PR] {title}", project, min(size, 12))


@lru_cache(maxsize=16384)
def service(seed: int, home: Environment, slot: int) -> Target:
    """Service `slot` of an environment; its kind and name are the project's, its id the environment's own."""
    kind = fall(number(seed, "service", home.project, slot), _SERVICE_SHARES)
    part = PARTS[(slot + home.project * 7) % len(PARTS)]
    name = {"DATABASE": f"{part}-postgres", "HELM": f"{part}-chart", "JOB": f"{part}-cron"}.get(kind, part)
    suffix = f"-{slot // len(PARTS) + 1}" if slot >= len(PARTS) else ""
    return Target(kind, uuid(seed, "service", home.id, slot), name + suffix)


@lru_cache(maxsize=1024)
def holding(seed: int, kind: str, slot: int) -> Target:
    """A target of the whole organization: a cluster, registry, webhook, member list and so on."""
    names = {
        "CLUSTER": ("eks-production", "eks-staging", "gke-data", "aks-partners"),
        "CONTAINER_REGISTRY": ("ecr-main", "ghcr"),
        "HELM_REPOSITORY": ("bitnami-mirror", "charts-internal"),
        "WEBHOOK": ("deploy-channel", "audit-hook"),
        "MEMBERS_AND_ROLES": PEOPLE,
        "ENTERPRISE_CONNECTION": ("okta",),
    }.get(kind, (DEMO_ORGANIZATION_NAME,))
    slot %= len(names)
    return Target(kind, uuid(seed, kind, slot), names[slot])


def person(seed: int, slot: int) -> str:
    """How the console names a person: mostly `<organization> (<name>)`, some still by e-mail."""
    name = PEOPLE[slot % len(PEOPLE)]
    if number(seed, "person", slot % len(PEOPLE)) % 8 == 0:
        return f"{name.split()[0].lower()}@northwind.example"
    return f"{DEMO_ORGANIZATION_NAME} ({name})"


@lru_cache(maxsize=4096)
def actor(seed: int, origin: str, slot: int) -> Actor:
    """Actor number `slot` of an origin, always with the same name and client."""
    who, token = person(seed, slot), pick(slot, TOKENS)
    names = {
        "GIT": pick(slot, FORGES),
        "TERRAFORM_PROVIDER": ("terraform-production", "terraform-staging")[slot % 2],
        "CLI": who if slot % 3 else token,
        "QOVERY_INTERNAL": "Qovery",
        "API": token if slot % 10 else f"policy:{uuid(seed, 'policy', slot)}:read-and-deploy",
    }
    agents = {
        "TERRAFORM_PROVIDER": "Terraform provider 0.54.0",
        "CLI": f"CLI 1.{60 + slot % 4}.{slot % 3}",
        "SKILL": SKILL_AGENT,
        "API": pick(slot, API_AGENTS),
    }
    return Actor(origin, names.get(origin, who), agents.get(origin))
