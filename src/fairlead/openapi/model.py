"""What a provider says of its API, as far as Fairlead can use it. Frozen data, in the words of capability documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from fairlead.plan.model import BodyKind
from fairlead.spec.source import JsonValue

Place: TypeAlias = Literal["path", "query", "header", "cookie", "body", "formData"]
SchemeKind: TypeAlias = Literal["bearer", "apikey", "basic"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is stated of a value. Without a `type` it may be anything; `known_values` are no limit."""

    type: str = ""
    description: str = ""
    format: str = ""
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: JsonValue = field(default=None, hash=False)
    known_values: tuple[str, ...] = ()
    example: JsonValue = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedInput:
    """One input of a call, as Fairlead sends it; `fixed` is the only value it can have, where there is one."""

    name: str
    place: Place
    required: bool
    facts: Facts
    fixed: JsonValue = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedBody:
    """The body of a call: its kind and, where Fairlead's own spelling of it is needed, the `body` block."""

    kind: BodyKind
    block: JsonValue = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers when it succeeds; `schema` is as the provider wrote it."""

    media_type: str = ""
    schema: JsonValue = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedOperation:
    """One operation of the provider's API; `security` are alternatives, each a set of schemes that go together."""

    method: str
    path: str
    name: str
    description: str
    inputs: tuple[DescribedInput, ...] = ()
    body: DescribedBody | None = None
    answer: Answer = Answer()
    servers: tuple[str, ...] = ()
    security: tuple[tuple[str, ...], ...] = ()

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to authenticate; without a `kind` Fairlead cannot, and `spelled` says what it is."""

    name: str
    kind: SchemeKind | None
    spelled: str
    key: str = ""
    placement: str = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A provider's description. `told` is what of it was left out, and why."""

    title: str
    version: str
    about: str
    operations: tuple[DescribedOperation, ...]
    schemes: Mapping[str, Scheme] = field(hash=False)
    told: tuple[str, ...]
