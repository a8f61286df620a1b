"""How often each caller may call."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from fairlead.errors import TooManyRequests

_MOST_CALLERS = 10_000
_MINUTE = 60.0


class CallRates:
    """A token bucket for each caller: `rate` calls a minute, and as many at once after a pause.

    Of each bucket only the moment is kept at which it will be full again. The callers who were away longest are
    forgotten first, which at most fills their buckets.
    """

    __slots__ = ("_burst", "_full_at", "_interval", "_most", "_rate")

    def __init__(self, rate: float, *, most_callers: int = _MOST_CALLERS) -> None:
        self._rate = rate
        self._interval = _MINUTE / rate
        self._burst = max(_MINUTE, self._interval)
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._most = most_callers

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, caller: str, now: float) -> None:
        """Take one call of a caller; raises TooManyRequests, with the time to wait, when none is left."""
        # A clock that was set back must not lock a caller out for longer than an empty bucket does.
        full_at = min(max(self._full_at.pop(caller, now), now), now + self._burst)
        wait = full_at + self._interval - now - self._burst
        spent = wait > 1e-6
        self._full_at[caller] = full_at if spent else full_at + self._interval
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        if spent:
            raise TooManyRequests(f"You may call {self._rate:g} times a minute.", retry_after=wait)


def place_of(remote: str) -> str:
    """Whose bucket an address without a name spends from: its own, or of IPv6 that of its /64, which one caller has."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if address.version == 4:
        return remote
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
