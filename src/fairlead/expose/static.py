"""The answers that never change while a server runs: pages, description, health."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from fairlead.expose.http import Response
from fairlead.expose.openapi import description_bytes, openapi_document
from fairlead.expose.page import render_pages
from fairlead.expose.presenting import Asked
from fairlead.plan.model import Plan


def static_answers(
    plans: Sequence[Plan], *, mcp_url: str, asked: Asked, version: str, stdio: str = ""
) -> dict[str, Response]:
    """Every fixed answer of the REST port by its path; `stdio` configures an MCP client that starts us itself."""
    pages = render_pages(plans, mcp_url=mcp_url, asked=asked, version=version, stdio=stdio)
    answers = {
        path: Response(200, (("content-type", page.content_type), *page.headers), page.body)
        for path, page in pages.items()
    }
    description = openapi_document(plans, version=version, told=asked.rest)
    answers["/openapi.json"] = _json(description_bytes(description))
    answers["/healthz"] = _json(orjson.dumps({"status": "ok"}))
    return answers


def _json(body: bytes) -> Response:
    headers = (
        ("content-type", "application/json"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
    )
    return Response(200, headers, body)
