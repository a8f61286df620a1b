"""What is under deploy/ passes its own linters, and says the same everywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from command import fairlead
from fairlead.cli.serve import serve
from outside import require_tool

ROOT = Path(__file__).resolve().parent.parent
DEPLOY, KUBERNETES = ROOT / "deploy", ROOT / "deploy/kubernetes"
CONTAINERFILE, UNIT = ROOT / "Containerfile", DEPLOY / "systemd/fairlead.service"
MANIFESTS = sorted(file for file in KUBERNETES.glob("*.yaml") if file.name != "kustomization.yaml")
FILES = [CONTAINERFILE, *sorted(file for file in DEPLOY.rglob("*") if file.is_file())]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def parsed(file: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(file.read_text())


def manifest(name: str) -> Any:
    """A Kubernetes manifest."""
    return parsed(KUBERNETES / f"{name}.yaml")


def pod() -> Any:
    """What the Deployment runs."""
    return manifest("deployment")["spec"]["template"]["spec"]


def service() -> Any:
    """What the compose file runs."""
    return parsed(DEPLOY / "compose.yaml")["services"]["fairlead"]


def settings() -> dict[str, str]:
    """The settings that the kustomization makes a ConfigMap of."""
    (made,) = (made for made in manifest("kustomization")["configMapGenerator"] if "literals" in made)
    return dict(literal.split("=", 1) for literal in made["literals"])


def instruction(name: str) -> Any:
    """The words of an instruction of the Containerfile in its JSON form."""
    found = re.search(rf"^{name}.*?(\[.*\])$", CONTAINERFILE.read_text().replace("\\\n", ""), re.MULTILINE)
    return json.loads(found[1]) if found else None


def directives(name: str) -> list[str]:
    """The values of a directive of the systemd unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """What a linter says."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def seconds(text: str) -> float:
    """A number of seconds as compose and systemd write it."""
    return float(text.removesuffix("s"))


# Linters


def test_the_containerfile_passes_its_linter() -> None:
    """hadolint, at its strictest: no rule is switched off."""
    done = run(Path(sys.executable).with_name("hadolint"), "--failure-threshold", "style", CONTAINERFILE)
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint" not in CONTAINERFILE.read_text()


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_the_manifests_are_valid(file: Path) -> None:
    """Against the schemas of Kubernetes, with no key that it does not know."""
    done = run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", file)
    assert (done.returncode, "WARN" in done.stdout + done.stderr) == (0, False), done.stderr


def test_the_kustomization_builds(tmp_path: Path) -> None:
    """What `kubectl apply -k` would send is valid too, and refers to the names that it generates."""
    if shutil.which("kubectl") is None:
        pytest.skip("NOT TESTED: no kubectl is on PATH, so the kustomization was not built")
    built = run("kubectl", "kustomize", KUBERNETES)
    assert (built.returncode, built.stderr) == (0, "")
    (tmp_path / "built.yaml").write_text(built.stdout)
    done = run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", tmp_path / "built.yaml")
    assert (done.returncode, "WARN" in done.stdout + done.stderr) == (0, False), done.stderr
    objects = list(yaml.safe_load_all(built.stdout))
    made = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert {
        spec["containers"][0]["envFrom"][0]["configMapRef"]["name"],
        spec["volumes"][0]["configMap"]["name"],
    } == made


def test_the_kustomization_takes_every_manifest_but_the_example_secret() -> None:
    """Nobody applies a placeholder by accident, and nothing lies there unused."""
    assert sorted([*manifest("kustomization")["resources"], "secrets.example.yaml"]) == [
        file.name for file in MANIFESTS
    ]


def test_the_compose_file_is_valid() -> None:
    """Against the schema of the Compose specification."""
    linter = require_tool(str(Path(sys.executable).with_name("check-jsonschema")))
    done = run(linter, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_the_unit_is_valid(tmp_path: Path) -> None:
    """systemd understands every line, and rates the sandbox it makes."""
    analyze = require_tool("systemd-analyze")
    # It insists that the program exists.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/fairlead/bin/fairlead", shutil.which("true") or ""))
    done = run(analyze, "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert run(analyze, "security", "--offline=true", "--threshold=15", unit).returncode == 0


def test_the_example_document_runs() -> None:
    """The document in the ConfigMap has no error and no warning."""
    done = fairlead("check", KUBERNETES / "documents/capability.yaml")
    assert (done.code, done.err) == (0, "")


# Hardening


def test_the_containers_can_do_nothing_but_serve() -> None:
    """Not root, nothing to write to but /tmp, no capability and no way to gain one, no token of the cluster."""
    container = pod()["containers"][0]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp"}
    assert pod()["automountServiceAccountToken"] is manifest("serviceaccount")["automountServiceAccountToken"] is False
    composed = service()
    assert (composed["read_only"], composed["cap_drop"]) == (True, ["ALL"])
    assert composed["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in composed["tmpfs"]] == ["/tmp"]


def test_only_the_two_ports_are_reached_and_only_dns_and_https_leave() -> None:
    """The NetworkPolicy; addresses within a network, the cloud's metadata among them, are not called either."""
    policy = manifest("networkpolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["rest", "mcp"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443}
    (out,) = (rule for rule in policy["egress"] if rule["ports"][0]["port"] == 443)
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(out["to"][0]["ipBlock"]["except"])


# Consistency


def test_everything_runs_as_the_image_s_user() -> None:
    """The uid of the image, by number."""
    user = re.search(r"^USER (\d+):(\d+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert user
    context = pod()["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user.groups()
    assert service()["user"] == ":".join(user.groups())


def test_the_ports_are_the_defaults_everywhere() -> None:
    """REST on 8080 and MCP on 9090, whatever a document says."""
    helps = {option.name: option.help or "" for option in serve.params if hasattr(option, "help")}
    rest, mcp = (re.search(r"(\d+)\]", helps[name])[1] for name in ("rest_port", "mcp_port"))  # type: ignore[index]
    asked = ["--rest-port", rest, "--mcp-port", mcp]
    assert re.findall(r"^EXPOSE (.*)$", CONTAINERFILE.read_text(), re.MULTILINE) == [f"{rest} {mcp}"]
    assert instruction("CMD")[-4:] == pod()["containers"][0]["args"][-4:] == asked
    assert " ".join(asked) in directives("ExecStart")[0]
    assert [str(port["containerPort"]) for port in pod()["containers"][0]["ports"]] == [rest, mcp]
    assert [str(port["port"]) for port in manifest("service")["spec"]["ports"]] == [rest, mcp]
    assert service()["ports"] == [f"127.0.0.1:{port}:{port}" for port in (rest, mcp)]


def test_every_health_check_asks_what_answers() -> None:
    """The image's own, compose's copy of it, and the probes, which name a Host that is always answered."""
    assert service()["healthcheck"]["test"] == ["CMD", *instruction("HEALTHCHECK")]
    container = pod()["containers"][0]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert all(probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}] for probe in probes.values())


def test_whoever_stops_fairlead_waits_longer_than_it_drains() -> None:
    """SIGKILL comes after the grace period, wherever that is set."""
    drains = float(settings()["FAIRLEAD_GRACE_PERIOD"])
    pause = pod()["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod()["terminationGracePeriodSeconds"] >= drains + pause + 5
    composed = service()
    assert seconds(composed["stop_grace_period"]) >= seconds(composed["environment"]["FAIRLEAD_GRACE_PERIOD"]) + 5
    (grace,) = re.findall(r"FAIRLEAD_GRACE_PERIOD=(\d+)", UNIT.read_text())
    assert seconds(directives("TimeoutStopSec")[0]) >= float(grace) + 5


def test_deploy_uses_only_documented_settings() -> None:
    """A variable that Fairlead does not read would be obeyed by nobody."""
    documented = set(re.findall(r"FAIRLEAD_[A-Z_]*[A-Z]", (ROOT / "docs/settings.md").read_text()))
    used = {name for file in FILES for name in re.findall(r"FAIRLEAD_[A-Z_]*[A-Z]", file.read_text())}
    assert used - documented == set()


def images() -> Iterator[str]:
    """Every image that is named."""
    yield from re.findall(r"^ARG PYTHON_IMAGE=(.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    yield from (each["image"] for each in parsed(DEPLOY / "compose.yaml")["services"].values())
    yield from (each["image"] for each in pod()["containers"])


def test_every_image_has_a_version() -> None:
    """Nothing runs whatever happens to be the latest; our own image has our own version."""
    tags = {image.rpartition(":")[0]: image.rpartition(":")[2] for image in images()}
    assert all(re.match(r"v?\d+\.\d+", tag) for tag in tags.values()), tags
    assert tags["fairlead"] == VERSION
    assert {image["name"]: image["newTag"] for image in manifest("kustomization")["images"]} == {"fairlead": VERSION}


def test_the_secrets_are_examples() -> None:
    """What is committed is no secret: too short for a token. The Deployment finds what the examples name."""
    upstreams, callers = yaml.safe_load_all((KUBERNETES / "secrets.example.yaml").read_text())
    assert list(upstreams["stringData"].values()) == ["replace-me"]
    assert callers["stringData"] == {"tokens": "somebody replace-me\n"}
    container = pod()["containers"][0]
    assert container["envFrom"][1]["secretRef"]["name"] == upstreams["metadata"]["name"]
    (volume,) = (volume for volume in pod()["volumes"] if "secret" in volume)
    assert volume["secret"]["secretName"] == callers["metadata"]["name"]
    (folder,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == volume["name"])
    assert settings()["FAIRLEAD_API_TOKEN_FILE"] == f"{folder}/tokens"
    assert volume["secret"]["defaultMode"] == 0o440
    assert pod()["securityContext"]["fsGroup"] == pod()["securityContext"]["runAsGroup"]


def test_no_file_holds_a_token() -> None:
    """Keys come from the environment of whoever deploys, or from files that are not here."""
    given = service()["environment"]
    assert all(given[name].startswith("${") for name in ("QOVERY_API_KEY", "FAIRLEAD_API_TOKEN"))
    assert "QOVERY_API_KEY" not in UNIT.read_text()
