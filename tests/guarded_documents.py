"""Compiles a small document whose adapters ask their callers for something."""

from __future__ import annotations

from pathlib import Path

from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan
from fairlead.spec.load import load

_DOCUMENT = """
naftiko: 1.0.0-alpha2
binds:
- namespace: env
  keys: {{CALLERS: TIDES_CALLERS, USER: TIDES_USER, ISSUER: TIDES_ISSUER}}
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example
    resources:
    - path: /tides
      operations:
      - name: tides
        method: GET
        inputParameters: [{{name: station, in: query}}, {{name: X-Depth, in: header}}]
  exposes:
  - type: rest
    {rest}
    resources:
    - path: /v1/tides
      operations: [{{method: GET, name: tides, call: sea.tides}}]
  - type: mcp
    {mcp}
    tools: [{{name: tides, call: sea.tides}}]
"""
BEARER = "{type: bearer, token: '{{env.CALLERS}}'}"
BASIC = "{type: basic, username: '{{env.USER}}', password: '{{env.CALLERS}}'}"
QUERY_KEY = "{type: apikey, key: api_key, value: '{{env.CALLERS}}', placement: query}"
HEADER_KEY = "{type: apikey, key: X-Depth, value: '{{env.CALLERS}}'}"
OAUTH = """{type: oauth2, authorizationServerUri: '{{env.ISSUER}}', resource: 'https://mcp.example/mcp',
      scopes: ['tides:read']}"""


def guarded_plan(folder: Path, *, rest: str = "", mcp: str = "", name: str = "tides.yaml") -> Plan:
    """The plan of a document with these authentications."""
    file = folder / name
    texts = {kind: f"authentication: {text}" if text else "" for kind, text in (("rest", rest), ("mcp", mcp))}
    file.write_text(_DOCUMENT.format(**texts))
    compiled = compile_document(load(file))
    assert not [found for found in compiled.diagnostics if found.severity == "error"], compiled.diagnostics
    return compiled.plan
