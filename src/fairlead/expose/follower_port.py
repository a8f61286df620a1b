"""What a follower answers on a port of its own: its metrics, that it lives, and whether it keeps up."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from fairlead.errors import FairleadError, MethodNotAllowed, NoSuchRoute
from fairlead.expose.http import Answer, Request, Response, problem_response
from fairlead.expose.inbound import InboundPolicy
from fairlead.expose.metrics_page import METRICS_PATH, metrics_page
from fairlead.telemetry.registry import Metrics


def follower_port(metrics: Metrics, stalled: Callable[[], bool], policy: InboundPolicy) -> Answer:
    """Answers `/metrics`, `/healthz` and `/readyz`, which is 503 while `stalled` says so."""

    async def answer(request: Request) -> Response:
        try:
            policy.check_place(request.headers)
            return _answer(request)
        except FairleadError as refusal:
            return problem_response(refusal)

    def _answer(request: Request) -> Response:
        if request.method != "GET":
            raise MethodNotAllowed("Nothing can be changed here.", allow=("GET",))
        if request.path == METRICS_PATH:
            return metrics_page(metrics, request)
        if request.path == "/healthz":
            return _status(200, "ok")
        if request.path == "/readyz":
            return _status(503, "stalled") if stalled() else _status(200, "following")
        raise NoSuchRoute("Here are only /metrics, /healthz and /readyz.")

    return answer


def _status(status: int, word: str) -> Response:
    headers = (("content-type", "application/json"), ("cache-control", "no-store"))
    return Response(status, headers, orjson.dumps({"status": word}))
