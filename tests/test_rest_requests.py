"""REST requests that are too large, too slow, cut off or not what they say, over real sockets where one is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

import serving
from fairlead.expose.http import Request, Response, asgi
from serving import Gateway
from small_documents import small_plan
from stand_in import stand_in


@pytest.mark.parametrize("length", [17_000, 60_000])
def test_an_address_nobody_can_take_blames_the_longest_argument(length: int) -> None:
    """It is the caller's fault and is not sent, instead of a failure of the upstream's."""
    with stand_in() as up, serving.gateway(upstream=up.url) as running:
        answer = httpx2.get(f"{running.route()}?pageSize=5&triggeredBy={'x' * length}")
    problem = answer.json()
    assert (answer.status_code, [error["parameter"] for error in problem["errors"]]) == (400, ["triggeredBy"])
    assert "16,000" in problem["detail"]
    assert not up.asked


def test_of_many_faults_the_first_are_told_and_the_rest_counted(gateway: Gateway) -> None:
    """An answer stays short enough to be read."""
    problem = httpx2.get(f"{gateway.route()}?{'&'.join(f'x{n}=1' for n in range(500))}").json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("and 480 more.")
    assert len(problem["detail"]) < 10_000


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_says_it_is_no_json_is_refused(tmp_path: Path, media_type: str) -> None:
    """A form or a text, as a page of another origin could send without asking, is no argument."""
    plan = small_plan(tmp_path, "[{name: thing, in: body, type: object}]", method="POST")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        answer = httpx2.post(f"{running.rest_url}/v1/tides", content=b"{}", headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["type"]) == (400, "/docs#problem-malformed-request")
    assert f"`{media_type}`" in answer.json()["detail"]
    assert "application/json" in answer.json()["remedy"]
    assert not up.asked


def test_whole_numbers_of_any_length_reach_the_upstream_as_they_are(tmp_path: Path) -> None:
    """Inside a body and inside an object in the query; no digit is rounded."""
    long = "123456789012345678901234567890"
    plan = small_plan(
        tmp_path, "[{name: thing, in: body, type: object}, {name: q, in: query, type: number}]", method="POST"
    )
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        body = f'{{"n":{long}}}'.encode()
        assert httpx2.post(f"{running.rest_url}/v1/tides?q={long}", content=body).status_code == 200
    assert up.bodies == [body]
    assert up.asked[0][0].endswith(f"?q={long}")


async def status_of(*messages: dict[str, Any]) -> tuple[int, list[bytes]]:
    """The status of a POST whose connection says these things and then nothing, and the bodies that were answered."""
    answered: list[bytes] = []
    sent: list[Any] = []
    said = iter(messages)

    async def answer(request: Request) -> Response:
        answered.append(request.body)
        return Response(200, ())

    async def receive() -> Any:
        for message in said:
            return message
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "raw_path": b"/", "query_string": b"", "headers": []}
    await asgi(answer, max_request_bytes=100, body_timeout=0.05)(scope, receive, send)
    return sent[0]["status"], answered


async def test_half_a_body_is_not_a_request() -> None:
    """A caller that goes away in the middle has asked for nothing; one that dawdles is let go."""
    half = {"type": "http.request", "body": b"[1", "more_body": True}
    assert await status_of(half, {"type": "http.disconnect"}) == (400, [])
    assert await status_of(half) == (408, [])
    assert await status_of(half, {"type": "http.request", "body": b"]"}) == (200, [b"[1]"])


def test_headers_that_are_too_large_are_refused(gateway: Gateway) -> None:
    """All of them together, whatever a single one may be."""
    answer = httpx2.get(gateway.route(), headers={f"x-{n}": "a" * 7_000 for n in range(10)})
    assert (answer.status_code, answer.json()["type"]) == (431, "/docs#problem-headers-too-large")
