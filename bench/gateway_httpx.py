"""A FastAPI gateway that calls with httpx; `python -m bench.gateway_httpx UPSTREAM PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI, Query, Request, Response

from bench.events_query import EventsQuery, passed

_POOL = httpx.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=30)


def create_gateway(upstream: str, token: str) -> FastAPI:
    """The gateway, with one client for as long as it serves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
        async with httpx.AsyncClient(base_url=upstream, headers=headers, limits=_POOL, timeout=30) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/organization/{organization_id}/events")
    async def events(request: Request, organization_id: UUID, query: Annotated[EventsQuery, Query()]) -> Response:
        client: httpx.AsyncClient = request.app.state.client
        answer = await client.get(f"/organization/{organization_id}/events", params=query.given())
        headers = {name: value for name, value in answer.headers.items() if passed(name)}
        return Response(answer.content, answer.status_code, headers)

    return app


if __name__ == "__main__":
    gateway = create_gateway(sys.argv[1], os.environ["QOVERY_API_KEY"])
    uvicorn.run(gateway, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
