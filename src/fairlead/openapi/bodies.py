"""What a described request body is in a document: its kind, its inputs, and what cannot be sent as described."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead.openapi.facts import facts_of
from fairlead.openapi.model import DescribedBody, DescribedInput
from fairlead.openapi.schemas import flat, types_of
from fairlead.openapi.shapes import mapping, prose, text
from fairlead.openapi.wire import WireReader, usable_name
from fairlead.spec.json_text import is_json
from fairlead.spec.source import JsonValue, walk

EXTENSION = "x-fairlead-body"
NAME = "x-body-name"
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_ENVIRONMENT = re.compile(r"(?i)\{\{\s*env\s*\.")
_ANY = frozenset({"application/json", "*/*", "application/*"})
_LONGEST_DESCRIPTION = 1_000


def read_body(
    body: dict[str, JsonValue], taken: Iterable[str], reader: WireReader
) -> tuple[DescribedBody | None, tuple[DescribedInput, ...]]:
    """The body of an operation and its inputs, under names that none of `taken` is."""
    content = mapping(body.get("content"))
    plain = {name.partition(";")[0].strip().lower(): name for name in content}
    if not plain:
        return None, ()
    own = mapping(body.get(EXTENSION))
    if "block" in own:
        return _block(own["block"], reader), ()
    media = _preferred(list(plain))
    schema = reader.references.mapping(content[plain[media]]).get("schema")
    name = _free_name(text(body.get(NAME)), set(taken))
    if is_json(media) or media in _ANY:
        if media not in _ANY:
            reader.told.append(f"the body is `{media[:80]}`; it is sent as `application/json`")
        fields = tuple(reader.fields(schema, spread=True)) if own.get("fields") is True else ()
        return DescribedBody(kind="json"), fields if len(fields) > 1 else (_whole(body, schema, name, reader),)
    if media in {_URLENCODED, _MULTIPART}:
        return _form(body, media, schema, name, reader)
    return _other(body, media, name, reader)


def _block(block: JsonValue, reader: WireReader) -> DescribedBody | None:
    """A body as Fairlead itself described it; no description gets what only the operator has."""
    if any(isinstance(value, str) and _ENVIRONMENT.search(value) for _, value in walk(block)):
        reader.told.append("its body asks for a variable of the environment, so it is left out")
        return None
    return DescribedBody(kind="raw", block=block)


def _other(
    body: dict[str, JsonValue], media: str, name: str, reader: WireReader
) -> tuple[DescribedBody, tuple[DescribedInput, ...]]:
    """A body without fields: XML and text as a template of one input, anything else as bytes."""
    if media.endswith(("/xml", "+xml")):
        kind, sent = "xml", "application/xml"
    elif media.startswith("text/"):
        kind, sent = "text", "text/plain"
    else:
        return DescribedBody(kind="bytes"), (_whole(body, {"type": "file"}, name, reader),)
    if media != sent:
        reader.told.append(f"the body is `{media[:80]}`; it is sent as `{sent}`")
    block: JsonValue = {"type": kind, "data": f"{{{{{name}}}}}"}
    return DescribedBody(kind="raw", block=block), (_whole(body, {"type": "string"}, name, reader),)


def _preferred(media: list[str]) -> str:
    """The media type that a document can say best."""

    def rank(name: str) -> int:
        if name == "application/json":
            return 0
        if name in {"*/*", "application/*"} or is_json(name):
            return 1
        return {_URLENCODED: 2, _MULTIPART: 3}.get(name, 4)

    return min(media, key=rank)


def _form(
    body: dict[str, JsonValue], media: str, schema: JsonValue, name: str, reader: WireReader
) -> tuple[DescribedBody, tuple[DescribedInput, ...]]:
    fields = tuple(reader.fields(schema))
    kind = "form" if media == _URLENCODED else "multipart"
    if not fields:
        block: JsonValue = {"type": kind, "data": f"{{{{{name}}}}}"}
        return DescribedBody(kind=kind, block=block), (_whole(body, {"type": "object"}, name, reader),)  # type: ignore[arg-type]
    has_file = any(each.facts.type == "file" for each in fields)
    if kind == "form" or has_file:
        return DescribedBody(kind="multipart" if has_file else "form"), fields
    # A document's form is of several parts when one is a file; this one is although none is.
    data: dict[str, JsonValue] = {each.name: f"{{{{{each.name}}}}}" for each in fields}
    return DescribedBody(kind="multipart", block={"type": "multipart", "data": data}), fields


def _whole(body: dict[str, JsonValue], schema: JsonValue, name: str, reader: WireReader) -> DescribedInput:
    found = flat(schema, reader.references)
    kinds = types_of(found, reader.references)
    kind = next(iter(kinds)) if len(kinds) == 1 else ""
    facts = facts_of(
        {"description": prose(body.get("description"), _LONGEST_DESCRIPTION)}, found, kind, reader.references
    )
    return DescribedInput(name=name, place="body", required=body.get("required") is True, facts=facts)


def _free_name(stated: str, taken: set[str]) -> str:
    candidates = (stated, "body", "requestBody", "request_body", "theBody")
    return next((each for each in candidates if usable_name(each) and each not in taken), "the-request-body")
