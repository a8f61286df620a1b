"""Compiles a small document of a test's own making: one upstream operation, as a route and as a tool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan
from fairlead.spec.load import load

_DOCUMENT = """
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example
    resources:
    - path: /tides
      operations:
      - name: tides
        method: {method}
        inputParameters: {inputs}
        {extensions}
  exposes:
  - type: rest
    resources:
    - path: {path}
      operations: [{{method: {method}, name: tides, call: sea.tides, with: {with_}}}]
  - type: mcp
    tools: [{{name: tides, call: sea.tides, with: {with_}}}]
"""
PAGED = "x-fairlead-pagination: {next: {link: $.next, token: after}, size: size}"


def small_plan(
    folder: Path,
    inputs: str,
    *,
    method: str = "GET",
    path: str = "/v1/tides",
    with_: str = "{}",
    extensions: str = "",
    pins: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of a document whose operation has these inputs."""
    file = folder / "tides.yaml"
    file.write_text(_DOCUMENT.format(inputs=inputs, method=method, path=path, with_=with_, extensions=extensions))
    compiled = compile_document(load(file), pins)
    assert not [found for found in compiled.diagnostics if found.severity == "error"], compiled.diagnostics
    return compiled.plan
