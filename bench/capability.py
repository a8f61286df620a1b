"""Capability documents of any size: the shipped one, with its events operation repeated."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from bench.gateways import fairlead_command
from bench.processes import CannotMeasure, environment

_SHIPPED = "capabilities/qovery-organization-event.yaml"
_TOKEN = {"type": "bearer", "token": "{{env.QOVERY_API_KEY}}", "x-fairlead-token-schemes": [{"scheme": "Token"}]}


def tool_name(number: int, document: int = 0) -> str:
    """The name of one tool of a document made here."""
    return f"get-all-events-{number}" if not document else f"get-all-events-{document}-{number}"


class _Plain(yaml.CSafeDumper):
    """Writes the same value twice rather than once with an alias."""

    def ignore_aliases(self, _data: object) -> bool:
        """Never an alias: no document that is published has one."""
        return True


def write_capability(tools: int, folder: Path, document_number: int = 0, *, inputs: int | None = None) -> Path:
    """A document of so many operations, each a route and a tool, of all their inputs or the first ones.

    The last one asks for the page of events, unless the document has a number: then nothing of it is another's.
    """
    document = yaml.safe_load((files("fairlead") / _SHIPPED).read_text())
    consumed = document["capability"]["consumes"][0]
    rest, mcp = document["capability"]["exposes"]
    consumed["authentication"] = _TOKEN
    resource, route, tool = consumed["resources"][0], rest["resources"][0], mcp["tools"][0]
    kept = [each["name"] for each in resource["operations"][0]["inputParameters"]][:inputs]
    _keep(kept, resource["operations"][0], route["operations"][0], tool)
    if document_number:
        consumed["namespace"] += f"-{document_number}"
    places = [_place(number, tools, document_number) for number in range(tools)]
    names = [f"events{number}" for number in range(tools)]
    calls = [f"{consumed['namespace']}.{name}" for name in names]
    consumed["resources"] = [
        resource | {"name": name, "path": place, "operations": [resource["operations"][0] | {"name": name}]}
        for name, place in zip(names, places, strict=True)
    ]
    rest["resources"] = [
        route
        | {"name": name, "path": f"/v1{place}", "operations": [route["operations"][0] | {"name": name, "call": call}]}
        for name, place, call in zip(names, places, calls, strict=True)
    ]
    mcp["tools"] = [
        tool | {"name": tool_name(number, document_number), "call": call} for number, call in enumerate(calls)
    ]
    path = folder / (f"{tools}-tools-{document_number}.yaml" if document_number else f"{tools}-tools.yaml")
    path.write_text(yaml.dump(document, Dumper=_Plain, sort_keys=False))
    return path


def _keep(names: list[str], operation: dict[str, Any], *exposed: dict[str, Any]) -> None:
    """Take all inputs but these out of an operation, and of what exposes it."""
    operation["inputParameters"] = [each for each in operation["inputParameters"] if each["name"] in names]
    for each in exposed:
        each["with"] = {name: value for name, value in each["with"].items() if name in names}


def _place(number: int, tools: int, document: int) -> str:
    if document:
        return f"/organization/{{organizationId}}/events-{document}-{number}"
    return "/organization/{organizationId}/events" + ("" if number == tools - 1 else f"-{number}")


def write_openapi(documents: list[Path], output: Path) -> Path:
    """What `fairlead openapi` says of the documents (of none: the shipped one), with the upstream's own paths."""
    done = subprocess.run(
        [fairlead_command(), "openapi", *map(str, documents)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    if done.returncode:
        raise CannotMeasure(f"{done.stderr}\n`fairlead openapi` failed.")
    described: dict[str, Any] = json.loads(done.stdout)
    described["paths"] = {path.removeprefix("/v1"): item for path, item in described["paths"].items()}
    output.write_text(json.dumps(described))
    return output
