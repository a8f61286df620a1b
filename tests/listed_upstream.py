"""An upstream whose events are a list of the test's own, served as the API serves them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.events import nanos_of, read_event
from fairlead.expose.asgi import Receive, Scope, Send


@dataclass(slots=True)
class ListedUpstream:
    """Raw events in any order; those without a readable timestamp stand at `near`. Pages go by place."""

    events: list[bytes] = field(default_factory=list)
    near: int = 0
    retention_days: float | None = 4

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        is_list = scope["raw_path"].endswith(b"/events")
        body = self._page(scope["query_string"].decode()) if is_list else self._organization()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    def _organization(self) -> bytes:
        plan = {} if self.retention_days is None else {"audit_logs_retention_in_days": self.retention_days}
        return json.dumps({"id": "5f3c", "name": "Listed", "organization_plan": plan}).encode()

    def _page(self, query: str) -> bytes:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        since, until = (int(asked[name]) * NANOS_PER_SECOND for name in ("fromTimestamp", "toTimestamp"))
        shown = sorted(self.events, key=self._nanos, reverse=True)
        shown = [raw for raw in shown if since <= self._nanos(raw) < until]
        size, start = int(asked["pageSize"]), int(asked.get("continueToken", 0))
        if "stepBackToken" in asked:
            start = max(0, int(asked["stepBackToken"]) - size)
        more = start + size < len(shown)
        links = {"next": f"/?continueToken={start + size}"} if more else {}
        links |= {"previous": f"/?stepBackToken={start}"} if start else {}
        listed = b",".join(shown[start : start + size])
        return b'{"links":%b,"organization_max_limit_reached":false,"events":[%b]}' % (
            json.dumps(links).encode(),
            listed,
        )

    def _nanos(self, raw: bytes) -> int:
        return nanos_of(read_event(raw).timestamp) or self.near
