"""What happens: short stories, such as one deployment run, told as the steps that become events.

Stories are told in blocks of exactly `BLOCK` steps. A block depends on the seed and its own number alone,
never on the time of day, which is what lets event k be computed without its predecessors.
"""

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from fairlead.sandbox.chance import draws, fall, pick, shares
from fairlead.sandbox.population import Actor, Environment, Target, actor, environment, holding, service

BLOCK = 256
MASS_EVERY = 64
_SECOND = 1_000_000


class Scene(NamedTuple):
    """What every story of an organization shares."""

    seed: int
    projects: int
    age_blocks: int


class Step(NamedTuple):  # a tuple because scans make millions, and a frozen dataclass costs five times as much
    """One event to be, without its number and its time."""

    offset: int
    event_type: str
    target: Target
    sub_target_type: str | None
    shape: str
    home: Environment | None
    actor: Actor
    draw: int
    story: int = 0


def environment_of(step: Step) -> Environment | None:
    """The environment a step happened in; something done to a whole project happened in none."""
    return None if step.target.kind == "PROJECT" else step.home


_STORIES = shares(run=140, edit=148, teardown=2, access=26, governance=9, office=4, clusters=2)
_ACTIONS = shares(deploy=60, delete=16, stop=10, restart=4, redeploy=2, force_run=4, terraform=1, uninstall=1, dry=2)
_RUN_ORIGINS = shares(GIT=31, API=24, CONSOLE=20, TERRAFORM_PROVIDER=7, CLI=7, QOVERY_INTERNAL=9, SKILL=2)
_EDIT_ORIGINS = shares(CONSOLE=45, TERRAFORM_PROVIDER=22, API=26, CLI=5, SKILL=2)
_EDITS = shares(VARIABLE=30, CONFIG=30, SECRET=12, ADVANCED=6, DOMAIN=4, RULE=4, LIFE=14)
_VERBS = {
    "deploy": ("DEPLOY_QUEUED", "TRIGGER_DEPLOY", "DEPLOYED", "DEPLOY_FAILED"),
    "redeploy": ("DEPLOY_QUEUED", "TRIGGER_REDEPLOY", "DEPLOYED", "DEPLOY_FAILED"),
    "delete": ("DELETE_QUEUED", "TRIGGER_DELETE", "DELETED", "DELETE_FAILED"),
    "stop": ("STOP_QUEUED", "TRIGGER_STOP", "STOPPED", "STOP_FAILED"),
    "restart": ("RESTART_QUEUED", "TRIGGER_RESTART", "RESTARTED", "RESTART_FAILED"),
    "uninstall": ("UNINSTALL_QUEUED", "TRIGGER_UNINSTALL", "UNINSTALLED", "UNINSTALL_FAILED"),
    "dry": ("DRY_RUN", "TRIGGER_DEPLOY_DRY_RUN", "DEPLOYED_DRY_RUN", "DEPLOYED_DRY_RUN_FAILED"),
}
_FORCED = ("", "", "_DEPLOY", "_STOP", "_DELETE")
_SPECIALISTS = {"force_run": "JOB", "terraform": "TERRAFORM", "uninstall": "HELM", "dry": "HELM"}
_ANYWHERE = (0, 0, 1, 1, 2, 3, 4, 5)
_PREVIEWS = (3, 4, 5)
_ACCESS = (
    ("SHELL", "CLI"),
    ("SHELL", "CONSOLE"),
    ("PORT_FORWARD", "CLI"),
    ("REMOTE_DEBUG", "CLI"),
    ("MCP", "API"),
)
_GOVERNANCE = (
    ("CREATE", "MEMBERS_AND_ROLES", "INVITATION"),
    ("ACCEPT", "MEMBERS_AND_ROLES", "INVITATION"),
    ("UPDATE", "MEMBERS_AND_ROLES", "MEMBER_ROLE"),
    ("DELETE", "MEMBERS_AND_ROLES", "MEMBER_ROLE"),
    ("UPDATE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE"),
    ("CREATE", "ORGANIZATION", "API_TOKEN"),
    ("DELETE", "ORGANIZATION", "API_TOKEN"),
    ("CREATE", "ORGANIZATION", "POLICY_API_TOKEN"),
    ("UPDATE", "ENTERPRISE_CONNECTION", "SSO"),
)
_OFFICE = (
    ("UPDATE", "ORGANIZATION", "BILLING_INFO"),
    ("EXPORT", "ORGANIZATION", "BILLING_USAGE_REPORT"),
    ("UPDATE", "ORGANIZATION", "PLAN"),
    ("POLICY_FAILED", "ORGANIZATION", None),
    ("MAINTENANCE", "CLUSTER", None),
    ("UPDATE", "CLUSTER", "CONFIG"),
    ("UPDATE", "CLUSTER", "KUBERNETES_CREDENTIALS"),
    ("UPDATE", "CONTAINER_REGISTRY", None),
    ("CREATE", "HELM_REPOSITORY", None),
    ("UPDATE", "WEBHOOK", None),
    ("LOCK", "TERRAFORM", "TERRAFORM"),
    ("UNLOCK", "TERRAFORM", "TERRAFORM"),
)


def tell(scene: Scene, block: int) -> tuple[Step, ...]:
    """The steps of a block in order; steps of one story with one offset happened in one transaction."""
    chance = draws(scene.seed, "block", block)
    steps: list[Step] = []
    story = 0
    while room := BLOCK - len(steps):
        mass = story == 2 and block % MASS_EVERY == 2
        told = _teardown(scene, block, chance, 120 + next(chance) % 30) if mass else _story(scene, block, chance)
        if len(told) > room:
            told = _edit(scene, block, chance)[:1]
        told.sort(key=attrgetter("offset"))
        steps.extend(step._replace(story=story) for step in told)
        story += 1
    return tuple(steps)


def _story(scene: Scene, block: int, chance: Iterator[int]) -> list[Step]:
    kind = fall(next(chance), _STORIES)
    if kind == "teardown":
        return _teardown(scene, block, chance, 4 + next(chance) % 7)
    return _TELLERS[kind](scene, block, chance)


def _place(scene: Scene, block: int, chance: Iterator[int], slots: tuple[int, ...] = _ANYWHERE) -> Environment:
    """Somewhere in the organization; the first projects see the most of it."""
    project = min(next(chance) % scene.projects, next(chance) % scene.projects)
    slot = pick(next(chance), slots)
    return environment(scene.seed, project, slot, block // scene.age_blocks)


def _some_services(scene: Scene, home: Environment, chance: Iterator[int]) -> list[Target]:
    wanted = pick(next(chance), (1, 1, 1, 1, 2, 2, 3, 4, 5, 8))
    first = next(chance) % home.size
    return [service(scene.seed, home, (first + i) % home.size) for i in range(min(wanted, home.size))]


def _services_of_kind(scene: Scene, home: Environment, kind: str) -> list[Target]:
    everything = (service(scene.seed, home, slot) for slot in range(home.size))
    return [target for target in everything if target.kind == kind]


def _whole(home: Environment) -> Target:
    return Target("ENVIRONMENT", home.id, home.name)


def _run(scene: Scene, block: int, chance: Iterator[int]) -> list[Step]:
    """One deployment run: QUEUED, then TRIGGER, then an outcome, for each of its services."""
    action = fall(next(chance), _ACTIONS)
    home = _place(scene, block, chance, _PREVIEWS if action == "delete" else _ANYWHERE)
    targets = _some_services(scene, home, chance)
    if kind := _SPECIALISTS.get(action):
        targets = _services_of_kind(scene, home, kind)[:2]
        action = action if targets else "deploy"
    if len(targets) > 2 or not targets:
        targets = [_whole(home), *targets]
    who = actor(scene.seed, fall(next(chance), _RUN_ORIGINS), next(chance) % 40)
    step = partial(Step, sub_target_type=None, shape="run", home=home, actor=who, draw=next(chance))
    verbs = _verbs(action, next(chance))
    if action != "terraform" and next(chance) % 100 == 0:
        return _cancelled(step, verbs, home, targets[0])
    return [one for target in targets for one in _triplet(step, target, verbs, chance)]


def _clusters(scene: Scene, block: int, chance: Iterator[int]) -> list[Step]:
    """The clusters' schedule starts or stops several of them together."""
    del block
    who, draw = actor(scene.seed, "QOVERY_INTERNAL", 0), next(chance)
    step = partial(Step, sub_target_type=None, shape="run", home=None, actor=who, draw=draw)
    verbs = _VERBS[pick(draw, ("deploy", "stop"))]
    targets = [holding(scene.seed, "CLUSTER", slot) for slot in range(3)]
    return [one for target in targets for one in _triplet(step, target, verbs, chance)]


def _verbs(action: str, draw: int) -> tuple[str, ...]:
    if action == "force_run":
        form = pick(draw, _FORCED)
        return (
            f"FORCE_RUN_QUEUED{form}",
            f"TRIGGER_FORCE_RUN{form}",
            "FORCE_RUN_SUCCEEDED",
            "FORCE_RUN_FAILED",
        )
    if action == "terraform":
        deed = pick(draw, ("TERRAFORM_FORCE_UNLOCK", "TERRAFORM_MIGRATE_STATE"))
        return ("", f"TRIGGER_{deed}", f"{deed}_SUCCEEDED", f"{deed}_FAILED")
    return _VERBS[action]


def _triplet(
    step: Callable[..., Step], target: Target, verbs: tuple[str, ...], chance: Iterator[int]
) -> Iterator[Step]:
    queued, trigger, succeeded, failed = verbs
    start = next(chance) % (400 * 1000)
    triggered = start + 20_000 + next(chance) % _SECOND
    span = (20, 45) if queued in ("DELETE_QUEUED", "STOP_QUEUED", "RESTART_QUEUED") else (35, 90)
    ended = triggered + (span[0] + next(chance) % span[1]) * _SECOND + next(chance) % _SECOND
    if queued:
        yield step(start, queued, target)
    yield step(triggered, trigger, target)
    yield step(ended, failed if next(chance) % 100 < 6 else succeeded, target)


def _cancelled(step: Callable[..., Step], verbs: tuple[str, ...], home: Environment, target: Target) -> list[Step]:
    queued, trigger = step(0, verbs[0], target), step(700_000, verbs[1], target)
    return [queued, trigger, step(9 * _SECOND, "TRIGGER_CANCEL", _whole(home))]


def _edit(scene: Scene, block: int, chance: Iterator[int]) -> list[Step]:
    """A change of configuration; several variables are often saved in one transaction."""
    kind, draw = fall(next(chance), _EDITS), next(chance)
    home = _place(scene, block, chance, _PREVIEWS if kind == "LIFE" else _ANYWHERE)
    target = service(scene.seed, home, next(chance) % home.size)
    who = actor(scene.seed, fall(next(chance), _EDIT_ORIGINS), next(chance) % 40)
    step = partial(Step, 0, home=home, actor=who)
    if kind in ("VARIABLE", "SECRET"):
        verb = pick(draw, ("CREATE", "CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE"))
        many = 1 + (next(chance) % 20 == 0) * (1 + next(chance) % 2)
        return [step(verb, target, kind, kind.lower(), draw=draw + i) for i in range(many)]
    if kind == "CONFIG":
        return [step("UPDATE", target, pick(draw, ("CONFIG", "CONFIG", None)), "resource", draw=draw)]
    if kind == "ADVANCED":
        return [step("UPDATE", target, "ADVANCED_SETTINGS", "advanced", draw=draw)]
    if kind == "DOMAIN":
        verb = pick(draw, ("CREATE", "UPDATE", "DELETE"))
        return [step(verb, target, "CUSTOM_DOMAIN", "domain", draw=draw)]
    if kind == "RULE":
        name = pick(draw, ("DEPLOYMENT_RULE", "DEPLOYMENT_STAGE"))
        return [step("UPDATE", _whole(home), name, "rule", draw=draw)]
    return [_life(step, home, target, draw)]


def _life(step: Callable[..., Step], home: Environment, target: Target, draw: int) -> Step:
    verb = pick(draw, ("CREATE", "CREATE", "CLONE", "DELETE", "UPDATE"))
    project = Target("PROJECT", home.project_id, home.project_name)
    what = project if verb == "UPDATE" else pick(draw >> 4, (_whole(home), target, target))
    return step(verb, what, None, "resource", draw=draw)


def _teardown(scene: Scene, block: int, chance: Iterator[int], size: int) -> list[Step]:
    """An environment deleted with its variables and services in one transaction: one microsecond for all."""
    home = _place(scene, block, chance, _PREVIEWS)
    who = actor(scene.seed, fall(next(chance), _EDIT_ORIGINS), next(chance) % 40)
    step = partial(Step, 0, "DELETE", home=home, actor=who)
    services = [service(scene.seed, home, slot) for slot in range(min(home.size, size // 2))]
    left = size - len(services) - 1
    variables = [step(pick(i, services), "VARIABLE", "variable", draw=next(chance)) for i in range(left)]
    gone = [step(target, None, "resource", draw=0) for target in services]
    return [*variables, *gone, step(_whole(home), None, "resource", draw=0)]


def _access(scene: Scene, block: int, chance: Iterator[int]) -> list[Step]:
    """Somebody, or some agent, reaches into the organization."""
    home, draw = _place(scene, block, chance), next(chance)
    verb, origin = pick(draw, _ACCESS)
    who = actor(scene.seed, origin, next(chance) % 40)
    if verb == "MCP":
        return [Step(0, verb, holding(scene.seed, "ORGANIZATION", 0), "TOOL_CALL", "tool_call", None, who, draw)]
    target = service(scene.seed, home, next(chance) % home.size)
    return [Step(0, verb, target, "REMOTE_ACCESS" if draw % 7 == 0 else None, "session", home, who, draw)]


def _organizational(
    table: tuple[tuple[str, str, str | None], ...], scene: Scene, block: int, chance: Iterator[int]
) -> list[Step]:
    draw = next(chance)
    verb, kind, sub = pick(draw, table)
    who = actor(scene.seed, pick(next(chance), ("CONSOLE", "CONSOLE", "API")), next(chance) % 40)
    home = _place(scene, block, chance)
    if kind == "TERRAFORM":
        target = next(iter(_services_of_kind(scene, home, kind)), None)
        if target is not None:
            return [Step(0, verb, target, sub, "session", home, who, draw)]
        kind, verb, sub = "CLUSTER", "MAINTENANCE", None
    target = holding(scene.seed, kind, next(chance))
    return [Step(0, verb, target, sub, "holding", None, who, draw)]


_TELLERS: dict[str, Callable[[Scene, int, Iterator[int]], list[Step]]] = {
    "run": _run,
    "edit": _edit,
    "access": _access,
    "governance": partial(_organizational, _GOVERNANCE),
    "clusters": _clusters,
    "office": partial(_organizational, _OFFICE),
}
