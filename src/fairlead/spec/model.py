"""The capability document as its author wrote it; nothing here is read while a request is served.

Keys follow the Naftiko specification (1.0.0-alpha2 spelling). What the specification has no word for is spelled
`x-fairlead-…` and comes from overlays only. Keys that no field names are kept and reported by `spec/rules.py`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


_PLACES = {
    "path": "path", "query": "query", "querystring": "query", "header": "header", "headers": "header", "body": "body",
    "requestbody": "body", "formdata": "formData", "form": "formData", "cookie": "cookie", "environment": "environment",
    "env": "environment",
}  # fmt: skip


def _place(value: object) -> object:
    """Where an input goes, in one spelling; a text that says nothing known stays, and stops its operation only."""
    return _PLACES.get(value.lower().replace("-", "").replace("_", ""), value) if isinstance(value, str) else value


def _listed(value: object) -> object:
    """What stands alone where there may be several."""
    return [value] if isinstance(value, dict) else value


class _Authored(BaseModel):
    model_config = ConfigDict(
        extra="allow", frozen=True, coerce_numbers_to_str=True, populate_by_name=True, defer_build=True
    )


class Info(_Authored):
    """Who and what the document is about."""

    label: str = ""
    display: str = ""
    description: str = ""
    tags: list[str] = []
    created: str = ""
    modified: str = ""
    stakeholders: object = None


class Bind(_Authored):
    """Names for values that are not in the document: LEFT is used in templates, RIGHT is where it comes from."""

    namespace: str
    description: str = ""
    location: str | None = None
    keys: dict[str, str] = {}


class TokenScheme(_Authored):
    """The word before a token in the Authorization header, for tokens that match `pattern` (all, if empty)."""

    pattern: str = ""
    scheme: str


class Authentication(_Authored):
    """How the upstream wants to be authenticated to; which keys are needed depends on `type`.

    Several spellings are in use, and `type` and `placement` are free texts, because a value that is not supported
    stops the operations of this upstream only.
    """

    type: Annotated[str, BeforeValidator(_lower)]
    token: str | None = None
    key: str | None = None
    name: str | None = None
    header: str | None = None
    value: str | None = None
    placement: Annotated[str | None, BeforeValidator(_lower)] = None
    in_: Annotated[str | None, BeforeValidator(_lower), Field(alias="in")] = None
    username: str | None = None
    password: str | None = None
    token_schemes: list[TokenScheme] = Field(default=[], alias="x-fairlead-token-schemes")


class InputParameter(_Authored):
    """One input of an operation; the `x-fairlead-…` keys are what an overlay knows beyond the specification."""

    name: str
    location: Annotated[str | None, BeforeValidator(_place), Field(alias="in")] = None
    type: str | None = None
    description: str = ""
    required: bool | None = None
    value: object = None
    default: object = None
    enum: list[object] | None = None
    format: Annotated[str | None, Field(alias="x-fairlead-format")] = None
    pattern: Annotated[str | None, Field(alias="x-fairlead-pattern")] = None
    minimum: Annotated[float | None, Field(alias="x-fairlead-minimum")] = None
    maximum: Annotated[float | None, Field(alias="x-fairlead-maximum")] = None
    known_values: Annotated[list[str], Field(alias="x-fairlead-known-values")] = []
    example: Annotated[object, Field(alias="x-fairlead-example")] = None


class OutputParameter(_Authored):
    """One output of an exposed operation."""

    name: str = ""
    type: str | None = None
    description: str = ""
    value: object = None
    mapping: str | None = None
    properties: object = None
    items: object = None


class PageLink(_Authored):
    """Where a body says how to reach a neighbouring page, and which argument that token fills."""

    link: str
    token: str


class Pagination(_Authored):
    """How the body of an operation paginates; `size` names the argument for the length of a page."""

    next: PageLink | None = None
    previous: PageLink | None = None
    size: str | None = None


class ConsumedOperation(_Authored):
    """One operation of the HTTP API that is called."""

    name: str
    description: str = ""
    method: Annotated[str, BeforeValidator(_upper)] = "GET"
    path: str | None = None
    input_parameters: Annotated[list[InputParameter], Field(alias="inputParameters")] = []
    output_parameters: Annotated[object, Field(alias="outputParameters")] = None
    output_raw_format: Annotated[str, BeforeValidator(_lower), Field(alias="outputRawFormat")] = "json"
    body: object = None
    pagination: Annotated[Pagination | None, Field(alias="x-fairlead-pagination")] = None
    response_schema: Annotated[dict[str, object] | None, Field(alias="x-fairlead-response-schema")] = None


class Resource(_Authored):
    """A path of the HTTP API and the operations on it."""

    name: str = ""
    label: str = ""
    description: str = ""
    path: str
    input_parameters: Annotated[list[InputParameter], Field(alias="inputParameters")] = []
    operations: list[ConsumedOperation] = []


class Consumes(_Authored):
    """An HTTP API the capability consumes."""

    type: str = "http"
    namespace: str
    base_uri: Annotated[str, Field(alias="baseUri")] = ""
    description: str = ""
    input_parameters: Annotated[list[InputParameter], Field(alias="inputParameters")] = []
    headers: dict[str, str] = {}
    resources: list[Resource] = []
    authentication: Authentication | None = None
    title: Annotated[str | None, Field(alias="x-fairlead-title")] = None
    also_named: Annotated[list[str], Field(alias="x-fairlead-also-named")] = []


class Hints(_Authored):
    """What a tool does to the world, said by its author."""

    read_only: Annotated[bool | None, Field(alias="readOnly")] = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: Annotated[bool | None, Field(alias="openWorld")] = None


class Exposed(_Authored):
    """What a REST operation and an MCP tool have in common."""

    description: str = ""
    call: str | None = None
    with_: Annotated[dict[str, object], Field(alias="with")] = {}
    input_parameters: Annotated[list[InputParameter], Field(alias="inputParameters")] = []
    output_parameters: Annotated[list[OutputParameter], BeforeValidator(_listed), Field(alias="outputParameters")] = []
    steps: object = None
    ref: object = None


class ExposedOperation(Exposed):
    """A REST operation the capability exposes."""

    name: str = ""
    label: str = ""
    method: Annotated[str, BeforeValidator(_upper)]


class ExposedResource(_Authored):
    """A path the capability exposes."""

    path: str
    name: str = ""
    label: str = ""
    description: str = ""
    input_parameters: Annotated[list[InputParameter], Field(alias="inputParameters")] = []
    operations: list[ExposedOperation] = []


class ExposedTool(Exposed):
    """An MCP tool the capability exposes."""

    name: str
    label: str = ""
    display: str = ""
    hints: Hints = Hints()
    title: Annotated[str | None, Field(alias="x-fairlead-title")] = None
    notes: Annotated[str, Field(alias="x-fairlead-notes")] = ""


class InboundAuthentication(_Authored):
    """What callers of an adapter have to show; which keys are needed depends on `type`.

    Several spellings of one key are in use, so the compiler takes the first that is given. `type` and `placement` are
    free texts here, because a value that is not supported has a diagnostic of its own.
    """

    type: Annotated[str, BeforeValidator(_lower)]
    token: str | None = None
    key: str | None = None
    name: str | None = None
    value: str | None = None
    placement: Annotated[str | None, BeforeValidator(_lower)] = None
    in_: Annotated[str | None, BeforeValidator(_lower), Field(alias="in")] = None
    username: str | None = None
    password: str | None = None
    authorization_server_uri: Annotated[str | None, Field(alias="authorizationServerUri")] = None
    authorization_server_url: Annotated[str | None, Field(alias="authorizationServerUrl")] = None
    resource: str | None = None
    audience: str | None = None
    scopes: list[str] | str = []
    token_validation: Annotated[str | None, BeforeValidator(_lower), Field(alias="tokenValidation")] = None
    token_endpoint: Annotated[str | None, Field(alias="tokenEndpoint")] = None
    jwks_uri: Annotated[str | None, Field(alias="x-fairlead-jwks-uri")] = None


class Adapter(_Authored):
    """A surface the capability is exposed on; `resources` belong to `rest`, `tools` to `mcp`."""

    type: str
    namespace: str = ""
    description: str = ""
    address: str | None = None
    port: Annotated[int | None, Field(ge=0, le=65535)] = None
    transport: str | None = None
    authentication: InboundAuthentication | None = None
    resources: list[ExposedResource] = []
    tools: list[ExposedTool] = []
    instructions: Annotated[str, Field(alias="x-fairlead-instructions")] = ""


class CapabilityBody(_Authored):
    """What is consumed and what is exposed."""

    consumes: list[Consumes] = []
    exposes: list[Adapter] = []
    aggregates: object = None


class Document(_Authored):
    """A whole capability document."""

    naftiko: str | None = None
    ikanos: str | None = None
    info: Info = Info()
    binds: list[Bind] = []
    capability: CapabilityBody
