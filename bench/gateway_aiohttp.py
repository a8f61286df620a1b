"""A FastAPI gateway that calls with aiohttp; `python -m bench.gateway_aiohttp UPSTREAM PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import aiohttp
import uvicorn
from fastapi import FastAPI, Query, Request, Response

from bench.events_query import EventsQuery, passed


def create_gateway(upstream: str, token: str) -> FastAPI:
    """The gateway, with one session for as long as it serves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
        pool = aiohttp.TCPConnector(limit=256, keepalive_timeout=30)
        deadline = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(upstream, headers=headers, connector=pool, timeout=deadline) as session:
            app.state.session = session
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/organization/{organization_id}/events")
    async def events(request: Request, organization_id: UUID, query: Annotated[EventsQuery, Query()]) -> Response:
        session: aiohttp.ClientSession = request.app.state.session
        async with session.get(f"/organization/{organization_id}/events", params=query.given()) as answer:
            headers = {name: value for name, value in answer.headers.items() if passed(name)}
            return Response(await answer.read(), answer.status, headers)

    return app


if __name__ == "__main__":
    gateway = create_gateway(sys.argv[1], os.environ["QOVERY_API_KEY"])
    uvicorn.run(gateway, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
