"""The Plan: everything a document decides, decided once. Frozen data, no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from fairlead.plan.paths import PathTemplate, encoded_literal
from fairlead.plan.templates import Template
from fairlead.spec.source import JsonValue

ParameterType: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "object", "any"]
Location: TypeAlias = Literal["path", "query", "header", "cookie", "body", "field", "host"]
"""Where a value stands; `body` is all of the body, `field` a named part of it, `host` a part of the address."""
Placement: TypeAlias = Literal["header", "query", "cookie", "body"]
Arguments: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a caller may give. `rule` is the code of the inference rule that supplied it (docs/inference.md)."""

    name: str
    type: ParameterType
    location: Location
    required: bool
    description: str = ""
    format: str | None = None
    """A format of JSON Schema; `binary` is bytes, as text or as a `data:` URL in base64 (RFC 2397)."""
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    default: JsonValue = field(default=None, hash=False)
    enum: tuple[JsonValue, ...] = field(default=(), hash=False)
    known_values: tuple[str, ...] = ()
    example: JsonValue = field(default=None, hash=False)
    rule: str = "declared"


@dataclass(frozen=True, slots=True)
class Argument:
    """The caller's argument of this name, type kept; absent means not sent."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value the document or the operator fixed."""

    value: JsonValue = field(hash=False)


Supply: TypeAlias = Argument | Constant | Template
BodyKind: TypeAlias = Literal["json", "text", "xml", "raw", "bytes", "form", "multipart"]
BodyTemplate: TypeAlias = Argument | Constant | Template | Mapping[str, "BodyTemplate"] | tuple["BodyTemplate", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """How the body of an upstream call is written.

    It is the call's `body` input, or its `field` inputs together; `template` says where those stand in it, and its
    arguments are their names. `files` are the fields of a multipart body that are files.
    """

    kind: BodyKind
    files: tuple[str, ...] = ()
    template: BodyTemplate | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamInput:
    """One input of the upstream call: its name there, where it goes, and what supplies it."""

    name: str
    location: Location
    supply: Supply
    rule: str = "declared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSchemeRule:
    """The Authorization word for tokens that match; a rule without a pattern matches every token."""

    scheme: str
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How to authenticate upstream; the templates name variables, never values."""

    type: Literal["bearer", "apikey", "basic"]
    token: Template | None = None
    key: Template | None = None
    value: Template | None = None
    placement: Placement = "header"
    username: Template | None = None
    password: Template | None = None
    schemes: tuple[TokenSchemeRule, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Template variable (`env.KEY` or `KEY`) → environment variable that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceServer:
    """Callers present an access token (OAuth 2.1) that `issuer` made for `audience` with every one of `scopes`.

    `resource` is this server's own address, as its callers know it. `keys` is where the issuer's keys are; without it
    the issuer's metadata says so. The templates may name variables, as addresses differ from place to place.
    """

    issuer: Template
    resource: Template
    audience: Template
    scopes: tuple[str, ...] = ()
    keys: Template | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Template variable → environment variable that holds it."""


InboundAuthentication: TypeAlias = Authentication | ResourceServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An HTTP API that is called. `base` has no trailing slash; its `{placeholders}` are `host` inputs of the calls.

    Those in `variables` stand for environment variables, and those in `pinned` are the operator's to fill.
    """

    namespace: str
    base: str
    authentication: Authentication | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCall:
    """One call of an upstream, ready to be filled with arguments."""

    upstream: Upstream
    method: str
    path: PathTemplate
    inputs: tuple[UpstreamInput, ...]
    body: Body | None = None
    raw_format: str = "json"
    environment: tuple[str, ...] = ()
    """The environment variables that stand in its inputs and its body, as no argument of a caller does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """Where the body says how to reach a neighbouring page, and the parameter its token fills."""

    relation: Literal["next", "prev"]
    pointer: tuple[str, ...]
    parameter: str
    token: re.Pattern[str]
    """Finds the token in the query of the upstream's link, still percent-encoded, as its first group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """How an answer leads to its neighbours; `size` is the parameter for the length of a page."""

    links: tuple[PageLink, ...]
    tokens: frozenset[str]
    """The parameters that hold tokens; no page keeps another page's."""
    size: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantics:
    """What running an operation does to the world."""

    read_only: bool
    destructive: bool
    idempotent: bool


@dataclass(frozen=True, slots=True)
class Pin:
    """An argument the operator fixed: what it is for, and its value."""

    parameter: Parameter
    value: JsonValue


# Compared by identity: `true` and `1` are equal in Python, and two operations that differ in them are not.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """What REST routes and MCP tools run: parameters in, one upstream call, its answer out."""

    name: str
    namespace: str
    description: str
    parameters: tuple[Parameter, ...]
    call: UpstreamCall
    semantics: Semantics
    pins: tuple[Pin, ...] = ()
    pagination: Pagination | None = None
    response_schema: Mapping[str, JsonValue] | None = field(default=None, hash=False)

    def parameter(self, name: str) -> Parameter:
        """The parameter of this name; it exists, because the compiler made both."""
        return next(parameter for parameter in self.parameters if parameter.name == name)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A `{placeholder}` of a route as the document spells it, and the parameter that it fills."""

    text: str
    parameter: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a route: literal texts and placeholders in turn, `literals[0] placeholder[0] literals[1] …`."""

    literals: tuple[str, ...]
    placeholders: tuple[Placeholder, ...] = ()

    def filled(self, text_of: Callable[[Placeholder], str]) -> str:
        """The segment with what `text_of` gives for every placeholder."""
        pairs = zip((*map(text_of, self.placeholders), ""), self.literals, strict=True)
        return "".join([literal + text for text, literal in pairs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A REST operation: where it is reached, and what it runs."""

    method: str
    segments: tuple[Segment, ...]
    name: str
    description: str
    operation: Operation

    @property
    def shape(self) -> tuple[str, str]:
        """The method and the path without names; two routes of one shape cannot be told apart."""
        return self.method, "/".join(segment.filled(lambda _: "{}") for segment in self.segments)

    @property
    def path(self) -> str:
        """The path as the document shows it; a pinned placeholder shows its value."""
        return "".join(f"/{segment.filled(lambda each: f'{{{each.text}}}')}" for segment in self.segments)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Every placeholder of the path, in order."""
        return tuple(placeholder for segment in self.segments for placeholder in segment.placeholders)

    @property
    def template(self) -> PathTemplate:
        """The path as it stands in an address, its placeholders named as the parameters."""
        literals = [""]
        for segment in self.segments:
            first, *others = map(encoded_literal, segment.literals)
            literals[-1] += f"/{first}"
            literals += others
        return PathTemplate(tuple(literals), tuple(placeholder.parameter for placeholder in self.placeholders))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An MCP tool: how it is announced, and what it runs."""

    name: str
    title: str
    description: str
    semantics: Semantics
    open_world: bool
    operation: Operation
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Parameter name → its name in the tool's schema; the same except where model APIs refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One thing the compiler supplied that the author did not write; `where` is the operation it is about."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundKey:
    """A key in a file beside the document, and the variable that stands for its value."""

    variable: str
    location: str
    key: str

    @property
    def file(self) -> str:
        """The file, from where the document is named."""
        return self.variable.rpartition("#")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A compiled document."""

    file: str
    title: str
    description: str
    tags: tuple[str, ...]
    provider: str
    namespace: str
    text: str
    operations: tuple[Operation, ...]
    routes: tuple[Route, ...]
    tools: tuple[Tool, ...]
    upstreams: tuple[Upstream, ...]
    instructions: str
    rest_port: int | None
    mcp_port: int | None
    rest_authentication: InboundAuthentication | None = None
    mcp_authentication: InboundAuthentication | None = None
    created: str = ""
    modified: str = ""
    inferences: tuple[Inference, ...] = ()
    bound_keys: tuple[BoundKey, ...] = ()
    beside: tuple[str, ...] = ()
    """The files beside the document that it is made of: what it imports, and where its keys are."""
