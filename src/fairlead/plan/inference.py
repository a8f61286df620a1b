"""The inference rules: what a document means where its author said less than a runner needs.

Each rule has a stable code; `RULES` is their index, docs/inference.md their reference with the numbers of the
dialect. `explain` prints the code beside everything a rule supplied. What is ambiguous is a diagnostic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from fairlead.plan.model import Location, Parameter, ParameterType
from fairlead.spec.model import InputParameter
from fairlead.spec.source import JsonValue

RULES: Mapping[str, str] = {
    "placeholder": "`{x}` in a path is a parameter, percent-encoded as one segment it cannot leave",
    "undeclared-placeholder": "a placeholder nobody declares is a required string",
    "placeholder-case": "placeholders of route and upstream that differ in case only are the same parameter",
    "placeholder-punctuation": "… and those that differ in case and punctuation only",
    "placeholder-position": "… and those left over that match by position and count",
    "unused-placeholder": "a route's placeholder that nothing upstream takes is accepted and not sent",
    "caller-argument": "`rest.X`, `tools.X` and the adapter's own namespace mean the caller's argument X",
    "template-value": "another text in `with` that holds `{{x}}` is a template of arguments",
    "operator-variable": "`{{env.KEY}}` in `with`, a `value` or a body is the operator's; no caller gives it",
    "literal-value": "any other value in `with` is sent as it is",
    "inherited": "an operation that declares no inputs has those of the operation it calls",
    "json-body": "an `in: body` input is the whole JSON body",
    "body-fields": "several `in: body` inputs are the fields of a JSON object",
    "form-body": "`in: formData` inputs are the fields of a form, of several parts when one is a file",
    "body-variable": "a variable of a `body` block is an optional input; what lacks its argument is left out",
    "undeclared-body": "an operation that writes and declares no body takes one, and sends it as it is",
    "identity-mapping": "`$.` hands the upstream's answer through untouched",
    "exposed-as-consumed": "a document that exposes nothing exposes what it consumes",
    "fixed-header": "`headers` of a consumed API are sent with every call",
    "host-label": "a placeholder of the address before its domain is a required parameter, one label of the host",
    "address-variable": "a placeholder of the address in capitals is an environment variable",
    "bind-variable": "`{{env.KEY}}`, `{{KEY}}` and `{KEY}` in an address are the bind KEY, an environment variable",
    "unbound-variable": "a variable of an authentication that no bind has is an environment variable",
    "call-spelling": "a `call` that differs from an operation in case and punctuation only means it",
    "secret-required": "a secret that does not resolve is refused, with its variable's name",
    "safe-alias": "a name that model APIs refuse has a safe alias in the tool's schema",
    "same-name": "of inputs that share a name, the one in the path keeps it; the others are called `query_NAME`, …",
    "absent-argument": "an argument that is not given is not sent, nor is a template that needs it",
    "prefixed": "what an earlier document of the same server has gets the namespace as a prefix",
    "pinned": "`--pin` fixes an argument for the whole server",
}

_TYPES: Mapping[str, ParameterType] = {
    "string": "string", "integer": "integer", "int": "integer", "number": "number", "float": "number",
    "boolean": "boolean", "bool": "boolean", "array": "array", "list": "array", "object": "object",
}  # fmt: skip
_LOCATIONS: Mapping[str, Location] = {
    "path": "path", "header": "header", "cookie": "cookie", "body": "body", "formData": "field",
}  # fmt: skip
_BYTES = "A text, or bytes as `data:MEDIA/TYPE;base64,…`."
# What the HTTP client, the connection or the credential decides; a caller's argument never replaces it.
RESERVED_HEADERS = frozenset({
    "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive",
    "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One input of a consumed operation, declared by its author or by its path."""

    name: str
    location: Location
    type: ParameterType = "string"
    required: bool = False
    description: str = ""
    rule: str = "inherited"
    form: bool = False
    called: str = ""
    """What callers call it, where that is not its name."""
    authored: InputParameter | None = field(default=None, hash=False)


def declared_input(authored: InputParameter) -> Declared:
    """The input an author declared; a path input is always required, an unknown type takes any value."""
    location = _LOCATIONS.get(authored.location or "query", "query")
    in_body = location in {"body", "field"}
    kind = "string" if is_file(authored) else declared_type(authored.type, in_body=in_body)
    return Declared(
        name=authored.name,
        location=location,
        type=kind,
        required=location == "path" or bool(authored.required),
        description=" ".join(authored.description.split()),
        form=authored.location == "formData",
        authored=authored,
    )


def is_file(authored: InputParameter) -> bool:
    """Whether an input is bytes, in the body or a field of it."""
    return (authored.type or "").lower() in {"file", "binary", "bytes"} and authored.location in {"body", "formData"}


def declared_type(stated: object, *, in_body: bool) -> ParameterType:
    """The type that an author stated; what is not stated is a string, and in a body anything."""
    if not isinstance(stated, str):
        return "any" if in_body else "string"
    return _TYPES.get(stated.lower(), "any")


def parameter_of(name: str, declared: Declared, location: Location, rule: str) -> Parameter:
    """What a caller may give for an input, under the name the caller uses."""
    authored = declared.authored
    required = declared.required or location == "path"
    if authored is None:
        return Parameter(
            name=name, type=declared.type, location=location, required=required,
            description=declared.description, rule=rule,
        )  # fmt: skip
    described = f"{declared.description} {_BYTES}".strip() if is_file(authored) else declared.description
    return Parameter(
        name=name,
        type=declared.type,
        location=location,
        required=required,
        description=described,
        format=authored.format or ("binary" if is_file(authored) else None),
        pattern=authored.pattern,
        minimum=authored.minimum,
        maximum=authored.maximum,
        default=cast("JsonValue", authored.default),
        enum=tuple(cast("list[JsonValue]", authored.enum or [])),
        known_values=tuple(authored.known_values),
        example=cast("JsonValue", authored.example),
        rule=rule,
    )


def same_name(one: str, other: str) -> bool:
    """Whether two placeholders name the same parameter, case aside."""
    return one == other or one.lower() == other.lower()


@dataclass(frozen=True, slots=True)
class Matched:
    """A route's placeholder and the parameter it fills; `rule` is empty for an exact match."""

    placeholder: str
    parameter: str
    rule: str


@dataclass(frozen=True, slots=True)
class PlaceholderMatch:
    """How a route's placeholders pair with parameters; `tied` ones fit several equally well."""

    matched: tuple[Matched, ...]
    unmatched: tuple[str, ...]
    tied: tuple[str, ...]


def match_placeholders(placeholders: Sequence[str], names: Sequence[str]) -> PlaceholderMatch:
    """Pair a route's placeholders with parameter names (dialect rules 3 and 4).

    Exactly first, then ignoring case, then ignoring punctuation too, then by position when as many are left on
    both sides. A placeholder that fits two names equally well is tied, never guessed.
    """
    left, open_names = list(dict.fromkeys(placeholders)), list(dict.fromkeys(names))
    matched: list[Matched] = []
    tied: list[str] = []
    for rule, key in _SPELLINGS:
        for placeholder in list(left):
            fits = [name for name in open_names if key(name) == key(placeholder)]
            rivals = [other for other in left if key(other) == key(placeholder)]
            if len(fits) == 1 and len(rivals) == 1:
                matched.append(Matched(placeholder, fits[0], rule))
                left.remove(placeholder)
                open_names.remove(fits[0])
            elif fits:
                tied.append(placeholder)
    left = [placeholder for placeholder in left if placeholder not in tied]
    if left and not tied and len(left) == len(open_names):
        matched += [
            Matched(placeholder, name, "placeholder-position")
            for placeholder, name in zip(left, open_names, strict=True)
        ]
        left = []
    return PlaceholderMatch(tuple(matched), tuple(left), tuple(dict.fromkeys(tied)))


def spelling_rule(placeholder: str, parameter: str) -> str:
    """The rule by which a route's placeholder fills a parameter; empty when both are spelled alike."""
    return next((rule for rule, key in _SPELLINGS if key(placeholder) == key(parameter)), "placeholder-position")


def letters(name: str) -> str:
    """A name without what spellings differ in: case, and everything but letters and digits."""
    return "".join(filter(str.isalnum, name.lower()))


# How names are compared, most exactly first, and the rule that takes them for the same.
_SPELLINGS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("", str),
    ("placeholder-case", str.lower),
    ("placeholder-punctuation", letters),
)
