"""What the sandbox hears and what it says, as small values."""

import re
from dataclasses import dataclass

import orjson

Header = tuple[str, str]
_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
_ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The parts of an HTTP request the upstream looks at, undecoded."""

    method: str
    path: bytes
    query: bytes = b""
    authorizations: tuple[str, ...] = ()
    host: str = ""

    @property
    def safe_host(self) -> str:
        """The Host header if it can stand in a URL, else localhost."""
        return self.host if _HOST.fullmatch(self.host) else "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A status, headers and a body; `pause` is how long to stop half-way through the body."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    pause: float = 0.0


class RefusalError(Exception):
    """The upstream answers with an error status; an empty detail means it does not explain itself."""

    def __init__(self, status: int, detail: str, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def json_reply(body: bytes, headers: tuple[Header, ...] = (), status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status=status, headers=(("content-type", "application/json"), *headers), body=body)


def html_reply(status: int, title: str) -> Response:
    """A page such as a load balancer puts in front of a service that is away."""
    body = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(status=status, headers=(("content-type", "text/html"),), body=body.encode())


def refused(refusal: RefusalError) -> Response:
    """An error body with the keys that clients read: status, error, message and detail."""
    if not refusal.detail:
        return json_reply(b"{}", refusal.headers, refusal.status)
    body = {
        "status": refusal.status,
        "error": _ERRORS[refusal.status],
        "message": refusal.detail,
        "detail": refusal.detail,
    }
    return json_reply(orjson.dumps(body), refusal.headers, refusal.status)
