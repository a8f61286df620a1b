"""Settings, read once in `cli/` and passed by keyword from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from fairlead.errors import ConfigurationError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that never shows itself: not in `repr`, `str`, a log or an error."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The value itself; call it only where it goes on the wire."""
        return self._value

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the environment decides. Times are seconds, sizes are bytes."""

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    grace_period: float = 10.0
    max_response_bytes: int = 32 * 1024 * 1024
    max_request_bytes: int = 4 * 1024 * 1024
    result_budget: int = 100_000
    max_connections: int = 2_000
    header_timeout: float = 10.0
    retries: int = 2
    max_calls: int = 128
    max_waiting_calls: int = 1_024
    breaker_failures: int = 10
    breaker_pause: float = 5.0
    cache_ttl: float = 0.0
    call_rate: float = 0.0
    log_format: Literal["console", "json"] = "console"
    access_log: bool = False
    otlp_endpoint: str = ""
    api_token_file: str = ""
    use_environment_proxy: bool = False
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    api_token: Secret | None = None
    archive: str = ""
    archive_key: Secret | None = None
    archive_key_file: str = ""
    checkpoints: str = ""
    data_home: Path = Path()
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings an environment describes (`FAIRLEAD_…`, listed in docs/settings.md).

    Every variable is also kept as a Secret, because a document's binds may name any of them.
    Raises ConfigurationError, naming the variable, when a value cannot be used.
    """

    def number(name: str, default: float, convert: Callable[[str], float] = float, *, least: float = 1e-9) -> float:
        text = environment.get(name, "")
        if not text:
            return default
        try:
            value = convert(text)
        except ValueError:
            value = -1
        if not least <= value < 1e12:  # also refuses nan
            kind = "whole number above 0" if convert is int else "positive number"
            raise ConfigurationError(f"{name} must be {'0 or ' if least == 0 else ''}a {kind}, not {text!r}.")
        return value

    defaults = Settings()
    return Settings(
        connect_timeout=number("FAIRLEAD_CONNECT_TIMEOUT", defaults.connect_timeout),
        read_timeout=number("FAIRLEAD_READ_TIMEOUT", defaults.read_timeout),
        total_timeout=number("FAIRLEAD_TOTAL_TIMEOUT", defaults.total_timeout),
        grace_period=number("FAIRLEAD_GRACE_PERIOD", defaults.grace_period),
        max_response_bytes=int(number("FAIRLEAD_MAX_RESPONSE_BYTES", defaults.max_response_bytes, int)),
        max_request_bytes=int(number("FAIRLEAD_MAX_REQUEST_BYTES", defaults.max_request_bytes, int)),
        result_budget=int(number("FAIRLEAD_RESULT_BUDGET", defaults.result_budget, int)),
        max_connections=int(number("FAIRLEAD_MAX_CONNECTIONS", defaults.max_connections, int)),
        header_timeout=number("FAIRLEAD_HEADER_TIMEOUT", defaults.header_timeout),
        retries=int(number("FAIRLEAD_RETRIES", defaults.retries, int, least=0)),
        max_calls=int(number("FAIRLEAD_MAX_CALLS", defaults.max_calls, int)),
        max_waiting_calls=int(number("FAIRLEAD_MAX_WAITING_CALLS", defaults.max_waiting_calls, int, least=0)),
        breaker_failures=int(number("FAIRLEAD_BREAKER_FAILURES", defaults.breaker_failures, int, least=0)),
        breaker_pause=number("FAIRLEAD_BREAKER_PAUSE", defaults.breaker_pause),
        cache_ttl=number("FAIRLEAD_CACHE_TTL", defaults.cache_ttl, least=0),
        call_rate=number("FAIRLEAD_CALL_RATE", defaults.call_rate, least=0),
        log_format=_log_format(environment.get("FAIRLEAD_LOG_FORMAT", "")),
        access_log=_switch(environment.get("FAIRLEAD_ACCESS_LOG", "")),
        otlp_endpoint=environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        api_token_file=environment.get("FAIRLEAD_API_TOKEN_FILE", ""),
        use_environment_proxy=_switch(environment.get("FAIRLEAD_USE_PROXY", "")),
        allowed_hosts=_words(environment.get("FAIRLEAD_ALLOWED_HOSTS", "")),
        allowed_origins=_words(environment.get("FAIRLEAD_ALLOWED_ORIGINS", "")),
        api_token=_token("FAIRLEAD_API_TOKEN", environment),
        archive=environment.get("FAIRLEAD_ARCHIVE", ""),
        archive_key=_token("FAIRLEAD_ARCHIVE_KEY", environment),
        archive_key_file=environment.get("FAIRLEAD_ARCHIVE_KEY_FILE", ""),
        checkpoints=environment.get("FAIRLEAD_CHECKPOINTS", ""),
        data_home=_data_home(environment),
        secrets={name: Secret(value) for name, value in environment.items() if value},
    )


def _token(name: str, environment: Mapping[str, str]) -> Secret | None:
    text = environment.get(name, "")
    if text and not text.strip():
        raise ConfigurationError(f"{name} holds nothing but blanks.", remedy="Give it its value, or unset it.")
    return Secret(text.strip()) if text else None


def _data_home(environment: Mapping[str, str]) -> Path:
    """Where a user's data is, as the XDG base directories have it."""
    home = environment.get("XDG_DATA_HOME") or f"{environment.get('HOME', '')}/.local/share"
    return Path(home) / "fairlead"


def _switch(text: str) -> bool:
    return text.lower() in {"1", "true", "yes"}


def _log_format(text: str) -> Literal["console", "json"]:
    if text not in {"", "console", "json"}:
        raise ConfigurationError(f"FAIRLEAD_LOG_FORMAT must be `console` or `json`, not {text!r}.")
    return cast("Literal['console', 'json']", text or "console")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
