"""A small document that a test may change: one operation, as a route and as a tool."""

from __future__ import annotations

import os
from pathlib import Path

_DOCUMENT = """\
naftiko: 1.0.0-alpha2
info: {{label: {title}, description: Of the sea}}
binds:
- {{namespace: env, keys: {{CALLERS: TIDES_CALLERS}}}}
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example
    resources:
    - path: {upstream}
      operations: [{{name: tides, method: GET, inputParameters: [{{name: station, in: query}}]}}]
  exposes:
  - type: rest
    {rest}
    resources:
    - path: {path}
      operations: [{{method: GET, name: tides, call: sea.tides}}]
  - type: mcp
    {mcp}
    tools: [{{name: tides, call: sea.tides}}]
"""
GUARDED = "authentication: {type: bearer, token: '{{env.CALLERS}}'}"


def text_of(
    title: str = "Tides", *, path: str = "/v1/tides", upstream: str = "/tides", rest: str = "", mcp: str = ""
) -> str:
    """The document with this title and these paths."""
    return _DOCUMENT.format(title=title, path=path, upstream=upstream, rest=rest, mcp=mcp)


BROKEN = text_of().replace("call: sea.tides", "call: sea.tidez")


def replace_whole(file: Path, text: str) -> None:
    """Put a file in the place of another at once, as careful editors do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)
