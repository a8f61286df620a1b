"""The shapes a `change` takes: the public response objects, and the internal ones of deployment runs."""

from collections.abc import Callable
from typing import NamedTuple

from fairlead.sandbox.chance import number, pick, uuid
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from fairlead.sandbox.population import PARTS, Environment, Target
from fairlead.sandbox.stories import Step

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Payload = dict[str, Json]

_KEYS = (
    "DATABASE_URL",
    "LOG_LEVEL",
    "REDIS_HOST",
    "FEATURE_FLAGS",
    "SMTP_PASSWORD",
    "STRIPE_KEY",
    "PORT",
    "API_BASE",
)


class Moment(NamedTuple):
    """When the thing was made and last changed, as float epoch seconds."""

    created: float
    updated: float


def payload(seed: int, step: Step, moment: Moment) -> Payload:
    """The object a step's `change` holds, in no particular key order."""
    if step.shape == "run":
        return _run(seed, step)
    if step.event_type == "DELETE" and step.shape == "resource":
        return {"id": step.target.id, "name": step.target.name}
    if step.shape == "resource":
        return _resource(seed, step, moment)
    return _SHAPES[step.shape](seed, step, moment)


def _run(seed: int, step: Step) -> Payload:
    """What the console reads from a run: `service_source.image` or `service_source.docker.git_repository`."""
    target, draw = step.target, step.draw
    run: Payload = {
        "id": target.id,
        "name": target.name,
        "execution_id": f"{uuid(seed, 'execution', draw)}-{draw % 900 + 1}",
        "environment_id": step.home.id if step.home else None,
        "status": step.event_type,
    }
    if target.kind in ("CONTAINER", "JOB", "HELM"):
        name = f"northwind/{target.name}"
        run["service_source"] = {"image": {"image_name": name, "tag": _tag(draw), "registry_id": _registry(seed)}}
    elif target.kind in ("APPLICATION", "TERRAFORM", "AGENTIC_WORKFLOW"):
        run["service_source"] = {"docker": {"git_repository": _repository(seed, target, draw)}}
    return run


def _tag(draw: int) -> str:
    return f"{draw % 4 + 1}.{draw // 4 % 40}.{draw // 160 % 30}"


def _registry(seed: int) -> str:
    return uuid(seed, "CONTAINER_REGISTRY", 0)


def _repository(seed: int, target: Target, draw: int) -> Payload:
    commit = f"{number(seed, 'commit', draw):016x}"
    return {
        "url": f"https://github.com/northwind-ferries/{target.name}.git",
        "branch": "main",
        "root_path": "/",
        "deployed_commit_id": (commit * 3)[:40],
    }


def _identity(step: Step, moment: Moment) -> Payload:
    return {
        "id": step.target.id,
        "name": step.target.name,
        "created_at": moment.created,
        "updated_at": moment.updated,
    }


def _resource(seed: int, step: Step, moment: Moment) -> Payload:
    common = _identity(step, moment) | {"description": ""}
    home, kind = step.home, step.target.kind
    if kind == "PROJECT" or home is None:
        return common | {"organization": {"id": DEMO_ORGANIZATION_ID}}
    if kind == "ENVIRONMENT":
        return common | _environment(home)
    return common | _service(home, kind) | _BY_KIND.get(kind, _container)(seed, step)


def _environment(home: Environment) -> Payload:
    mode = {"production": "PRODUCTION", "staging": "STAGING", "dev": "DEVELOPMENT"}.get(home.name, "PREVIEW")
    return {
        "mode": mode,
        "project": {"id": home.project_id, "name": home.project_name},
        "organization": {"id": DEMO_ORGANIZATION_ID},
        "cluster_id": "0d5b3a5e-2c4b-4b1e-9a63-8f2f6c1d7e90",
        "cluster_name": "eks-production" if mode == "PRODUCTION" else "eks-staging",
        "last_updated_by": None,
        "cloud_provider": {"provider": "AWS", "cluster": "eu-west-3"},
    }


def _service(home: Environment, kind: str) -> Payload:
    return {
        "environment": {"id": home.id},
        "icon_uri": f"app://qovery-console/{kind.lower()}",
        "service_type": kind,
        "auto_deploy": True,
        "auto_preview": False,
        "is_skipped": False,
        "healthchecks": {"liveness_probe": None, "readiness_probe": None},
        "annotations_groups": [],
        "labels_groups": [],
    }


def _sizing(draw: int) -> Payload:
    memory = pick(draw, (128, 256, 512, 1024))
    return {
        "cpu": pick(draw >> 3, (100, 250, 500, 1000)),
        "gpu": 0,
        "memory": memory,
        "maximum_cpu": 4000,
        "maximum_gpu": 0,
        "maximum_memory": 8192,
        "min_running_instances": 1 + draw % 2,
        "max_running_instances": 2 + draw % 4,
    }


def _container(seed: int, step: Step) -> Payload:
    port: Payload = {
        "id": uuid(seed, "port", step.target.id),
        "name": "p8080",
        "protocol": "HTTP",
        "internal_port": 8080,
        "external_port": 443,
        "publicly_accessible": step.draw % 2 == 0,
        "is_default": True,
    }
    return _sizing(step.draw) | {
        "tag": _tag(step.draw),
        "ports": [port],
        "storage": [],
        "registry": {
            "id": _registry(seed),
            "url": "https://registry.northwind.example",
            "kind": "ECR",
            "name": "ecr-main",
        },
        "arguments": [],
        "entrypoint": "",
        "image_name": f"northwind/{step.target.name}",
        "autoscaling": None,
    }


def _application(seed: int, step: Step) -> Payload:
    return _sizing(step.draw) | {
        "git_repository": _repository(seed, step.target, step.draw),
        "build_mode": "DOCKER",
        "dockerfile_path": "Dockerfile",
        "docker_target_build_stage": None,
        "ports": [],
        "storage": [],
        "arguments": [],
        "entrypoint": "",
        "autoscaling": None,
    }


def _job(seed: int, step: Step) -> Payload:
    sizing = {key: value for key, value in _sizing(step.draw).items() if "instances" not in key}
    image: Payload = {
        "image_name": f"northwind/{step.target.name}",
        "tag": _tag(step.draw),
        "registry_id": _registry(seed),
    }
    return sizing | {
        "source": {"image": image},
        "schedule": {"cronjob": {"timezone": "Etc/UTC", "scheduled_at": "15 3 * * *", "arguments": []}},
        "max_nb_restart": step.draw % 4,
        "max_duration_seconds": 300,
        "port": None,
        "job_type": "CRON",
        "force_run": False,
    }


def _database(seed: int, step: Step) -> Payload:
    return _sizing(step.draw) | {
        "type": "POSTGRESQL",
        "version": str(14 + step.draw % 4),
        "mode": "CONTAINER" if step.draw % 3 else "MANAGED",
        "accessibility": "PRIVATE",
        "storage": 10 << step.draw % 5,
        "host": f"z{number(seed, 'host', step.target.id):x}"[:10] + ".northwind.example",
        "port": 5432,
        "disk_encrypted": True,
        "instance_type": None,
    }


def _helm(seed: int, step: Step) -> Payload:
    # One chart in forty carries a very long values file, the natural tail of event sizes.
    lines = 900 if step.draw % 40 == 0 else 12
    values = "".join(f"{pick(i, PARTS)}:\n  replicas: {i % 5 + 1}\n" for i in range(lines))
    return {
        "source": {"repository": {"chart_name": step.target.name, "chart_version": _tag(step.draw)}},
        "values_override": {
            "set": [],
            "set_string": [],
            "set_json": [],
            "file": {"raw": {"values": [{"name": "override.yaml", "content": values}]}},
        },
        "timeout_sec": 600,
        "arguments": ["--atomic"],
        "ports": [],
        "allow_cluster_wide_resources": False,
        "last_release": number(seed, "release", step.target.id) % 90,
    }


def _terraform(seed: int, step: Step) -> Payload:
    return {
        "terraform_files_source": {"git": {"git_repository": _repository(seed, step.target, step.draw)}},
        "terraform_variables_source": {"tf_var_file_paths": ["production.tfvars"], "tf_vars": []},
        "backend": {"kubernetes": {}},
        "engine": "TERRAFORM",
        "provider_version": {"read_from_terraform_block": False, "explicit_version": "1.9.7"},
        "timeout_sec": 3600,
        "job_resources": {"cpu_milli": 500, "ram_mib": 512, "gpu": 0, "storage_gib": 10},
        "use_cluster_credentials": True,
        "action_extra_arguments": {},
    }


_BY_KIND: dict[str, Callable[[int, Step], Payload]] = {
    "APPLICATION": _application,
    "AGENTIC_WORKFLOW": _application,
    "JOB": _job,
    "DATABASE": _database,
    "HELM": _helm,
    "TERRAFORM": _terraform,
}


def _variable(seed: int, step: Step, moment: Moment) -> Payload:
    key = pick(step.draw >> 3, _KEYS)
    secret = step.shape == "secret"
    value = None if secret else f"{key.lower()}-{number(seed, 'value', step.draw):x}"
    return {
        "id": uuid(seed, "variable", step.target.id, key),
        "key": key,
        "scope": step.target.kind,
        "value": value,
        "owned_by": "QOVERY",
        "is_secret": secret,
        "created_at": moment.created,
        "mount_path": None,
        "service_id": step.target.id,
        "updated_at": moment.updated,
        "description": "",
        "service_name": step.target.name,
        "service_type": step.target.kind,
        "variable_type": "VALUE",
        "aliased_variable": None,
        "overridden_variable": None,
        "enable_interpolation_in_file": False,
    }


def _advanced(seed: int, step: Step, moment: Moment) -> Payload:
    del seed, moment
    groups = {
        "build": ("timeout_max_sec", "cpu_max_in_milli", "ram_max_in_gib", "ephemeral_storage_in_gib"),
        "deployment": ("termination_grace_period_seconds", "affinity.node.required", "update_strategy.type"),
        "network.ingress": ("proxy_body_size_mb", "keepalive_time_seconds", "cors_allow_origin"),
        "security": ("service_account_name", "read_only_root_filesystem", "automount_service_account_token"),
        "hpa": ("cpu.average_utilization_percent", "memory.average_utilization_percent"),
    }  # fmt: skip
    settings: Payload = {
        f"{group}.{name}": (i * 37 + step.draw) % 600 for group, names in groups.items() for i, name in enumerate(names)
    }
    return settings


def _domain(seed: int, step: Step, moment: Moment) -> Payload:
    name = f"{step.target.name}.northwind.example"
    return {
        "id": uuid(seed, "domain", step.target.id),
        "domain": name,
        "status": "VALIDATION_PENDING",
        "use_cdn": False,
        "created_at": moment.created,
        "updated_at": moment.updated,
        "validation_domain": f"z{number(seed, 'domain', step.target.id):x}"[:10] + ".northwind.example",
        "generate_certificate": step.draw % 2 == 0,
    }


def _rule(seed: int, step: Step, moment: Moment) -> Payload:
    return _identity(step, moment) | {
        "auto_stop": step.draw % 2 == 0,
        "weekdays": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
        "start_time": "1970-01-01T07:00:00Z",
        "stop_time": "1970-01-01T19:00:00Z",
        "timezone": "UTC",
        "execution_order": number(seed, "order", step.draw) % 6,
    }


def _session(seed: int, step: Step, moment: Moment) -> Payload:
    del seed, moment
    return {"service_id": step.target.id, "pod_name": f"{step.target.name}-{step.draw % 9999:04x}"}


def _tool_call(seed: int, step: Step, moment: Moment) -> Payload:
    del seed, moment
    tool = pick(step.draw, ("list_environments", "get_service_logs", "deploy_service", "list_events"))
    return {"tool": tool, "read_only": tool != "deploy_service"}


def _holding(seed: int, step: Step, moment: Moment) -> Payload:
    common = _identity(step, moment)
    sub = step.sub_target_type
    if sub == "INVITATION":
        mail = f"{step.target.name.split()[0].lower()}@northwind.example"
        link = f"https://console.qovery.example/accept-invitation?inviteToken={uuid(seed, 'invite', step.draw)}"
        return common | {"invitee_email": mail, "invitation_link": link, "role_name": "Viewer"}
    if sub in ("API_TOKEN", "POLICY_API_TOKEN"):
        prefix = "qov_" if sub == "API_TOKEN" else "sk-qov-01-"
        return common | {
            "role_name": "DevOps",
            "token": f"{prefix}sandbox{number(seed, 'token', step.draw):016x}",
        }
    if sub in ("MEMBER_ROLE", "CUSTOM_ROLE"):
        return common | {"role_name": pick(step.draw, ("Viewer", "DevOps", "Admin", "Release manager"))}
    return common | {"description": "", "kind": step.target.kind, "setting": step.draw % 100}


_SHAPES: dict[str, Callable[[int, Step, Moment], Payload]] = {
    "variable": _variable,
    "secret": _variable,
    "advanced": _advanced,
    "domain": _domain,
    "rule": _rule,
    "session": _session,
    "tool_call": _tool_call,
    "holding": _holding,
}
