"""Answers that are not JSON: passed on with their media type, whatever a document says of them, but for web pages."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

import serving
from small_documents import small_plan
from stand_in import stand_in
from test_mcp import post, texts


@pytest.mark.parametrize("declared", ["", "outputRawFormat: json"])
@pytest.mark.parametrize(
    ("media_type", "body"),
    [("text/csv", b"a,b\n1,2\n"), ("application/xml", b"<tide height='1.5'/>"), ("text/plain; charset=utf-8", b"high")],
)
def test_an_answer_of_another_type_is_passed_on(tmp_path: Path, declared: str, media_type: str, body: bytes) -> None:
    """The bytes and their type on REST, the same text on MCP."""
    plan = small_plan(tmp_path, "[]", extensions=declared)
    headers = {"content-type": media_type}
    with stand_in(body=body, headers=headers) as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        answer = httpx2.get(f"{running.rest_url}/v1/tides")
        result = post(running.mcp_url, "tools/call", name="tides", arguments={})["result"]
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, media_type, body)
    assert texts(result) == [body.decode()]  # type: ignore[arg-type]
    assert "structuredContent" not in result  # type: ignore[operator]


@pytest.mark.parametrize("media_type", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_in_place_of_data_is_a_failure(tmp_path: Path, media_type: str) -> None:
    """A login or a proxy's page is no answer, whatever its status."""
    plan = small_plan(tmp_path, "[]")
    headers = {"content-type": media_type}
    with (
        stand_in(body=b"<html>Sign in</html>", headers=headers) as up,
        serving.gateway(plans=(plan,), upstream=up.url) as running,
    ):
        answer = httpx2.get(f"{running.rest_url}/v1/tides")
    assert answer.status_code == 502
    assert "is not JSON but" in answer.json()["detail"]
