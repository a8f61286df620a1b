"""Hands batches to a webhook, signed after the Standard Webhooks specification."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from fairlead.archive.forms.webhook import delivery, signing_key
from fairlead.errors import (
    ConfigurationError,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from fairlead.forward.batches import Batch, Deliver
from fairlead.forward.outcomes import Outcome, Verdict, verdict_of
from fairlead.settings import Secret
from fairlead.upstream.request import Call, UpstreamRequest
from fairlead.upstream.retry_after import asked_wait

_MOST_QUOTED = 200
_FAILURES: tuple[tuple[type[UpstreamError], str], ...] = (
    (UpstreamUnreachable, "it cannot be reached, or closed the connection without an answer"),
    (UpstreamTimeout, "it did not answer in time"),
    (UpstreamInvalid, "its answer broke off, or is no HTTP"),
    (UpstreamTooLarge, "its answer is far too large"),
)


def webhook_address(text: str) -> str:
    """An address to post to; raises ConfigurationError for what is none, or holds a password."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ConfigurationError("A webhook needs an address such as `https://example.com/events`.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "A password in an address is seen by everybody who lists processes.",
            remedy="Leave it out: a delivery is told by its signature.",
        )
    return parts._replace(fragment="").geturl()


def shown(address: str) -> str:
    """An address without its path and query, which may be a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def signing_keys(secret: Secret | None, variable: str) -> tuple[bytes, ...]:
    """The keys of a variable: one, or several separated by spaces while one is replaced."""
    secrets = secret.reveal().split() if secret else []
    if not secrets:
        raise ConfigurationError(
            f"{variable} holds no secret, so that nobody could tell a delivery from a forgery.",
            remedy=f'Make a secret and give it to the receiver: export {variable}="whsec_$(openssl rand -base64 32)"',
        )
    return tuple(signing_key(each) for each in secrets)


def webhook(send: Call, address: str, keys: tuple[bytes, ...], wall: Callable[[], float]) -> Deliver:
    """How batches are posted to an address."""

    async def deliver(batch: Batch) -> Outcome:
        raws = [event.raw for event in batch.events]
        made = delivery(keys, batch.id, int(wall()), raws, batch.organization)
        try:
            answer = await send(UpstreamRequest("POST", address, tuple(made.headers.items()), made.body))
        except UpstreamError as failure:
            return _unanswered(failure)
        verdict = verdict_of(answer.status)
        reason = f"it answered {answer.status}"
        if verdict is Verdict.REFUSED or verdict is Verdict.FAILED:
            text = answer.body[:_MOST_QUOTED].decode("utf-8", "replace").strip()
            reason = f"{reason}: {text}" if text else reason
        return Outcome(verdict, reason, asked_wait(answer.status, dict(answer.headers), wall()))

    return deliver


def _unanswered(failure: UpstreamError) -> Outcome:
    for kind, reason in _FAILURES:
        if isinstance(failure, kind):
            return Outcome(Verdict.AWAY, reason)
    return Outcome(Verdict.DENIED, "a request to it cannot be made")
