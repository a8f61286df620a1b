"""Writes the body of a request: from one argument, from fields, or from a document's template."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from urllib.parse import quote_plus, urlencode
from xml.sax.saxutils import escape

from fairlead.engine.texts import read_bytes, text_of
from fairlead.errors import ArgumentFault, InvalidArguments
from fairlead.plan.model import Argument, Arguments, Body, BodyKind, BodyTemplate, Constant
from fairlead.plan.templates import Template
from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue


class _Absent(Exception):
    """A template needs an argument that was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFiller:
    """A body taken apart for filling: `entity` is the argument that is all of it, `fields` are its parts by name.

    `fixed` are fields that the credential adds.
    """

    body: Body
    entity: str | None
    fields: Mapping[str, str]
    fixed: Mapping[str, str] = field(repr=False)

    def fill(self, arguments: Arguments) -> tuple[str, bytes] | None:
        """The media type and the bytes, or None where nothing was given.

        Raises ValueError for what cannot be sent, and InvalidArguments for a value that a credential cannot go into.
        """
        try:
            value = self._value(arguments)
        except _Absent:
            if not self.fixed:
                return None
            value = {}
        if self.fixed:
            if not isinstance(value, dict):
                raise InvalidArguments((ArgumentFault(self.entity or "body", "must be an object"),))
            value = {**value, **self.fixed}
        if self.body.kind == "multipart":
            return _multipart(value, self.body.files)
        if self.body.kind == "bytes":
            return _bytes(self.entity or "body", text_of(value))
        return _WRITERS[self.body.kind](value)

    def _value(self, arguments: Arguments) -> JsonValue:
        """What the arguments make; raises _Absent when that is nothing."""
        if self.entity is not None:
            return _rendered(Argument(self.entity), arguments)
        given = {name: arguments[argument] for name, argument in self.fields.items() if argument in arguments}
        if self.body.template is not None:
            return _rendered(self.body.template, given, _SPELLED.get(self.body.kind, text_of))
        if not given:
            raise _Absent
        return given


def _rendered(
    template: BodyTemplate, given: Mapping[str, JsonValue], spelled: Callable[[JsonValue], str] = text_of
) -> JsonValue:
    """The value of a template; what lacks an argument is left out, the whole of it raises _Absent.

    `spelled` writes a value among other text; the parts of a template are written later, and need nothing but text.
    """
    if isinstance(template, Constant):
        return template.value
    if isinstance(template, Argument):
        if template.name not in given:
            raise _Absent
        return given[template.name]
    if isinstance(template, Template):
        if not given.keys() >= set(template.variables):
            raise _Absent
        return template.render(lambda name: spelled(given[name]))
    if isinstance(template, Mapping):
        return {key: value for key, part in template.items() for value in _present(part, given)}
    return [value for part in template for value in _present(part, given)]


def settled_body(body: Body, values: Mapping[str, str]) -> Body:
    """The body with some of its template's variables already replaced, spelled as an argument would be."""
    if body.template is None:
        return body
    return replace(body, template=_settled(body.template, values, _SPELLED.get(body.kind, text_of)))


def _settled(
    template: BodyTemplate, values: Mapping[str, str], spelled: Callable[[JsonValue], str] = text_of
) -> BodyTemplate:
    if isinstance(template, Template):
        filled = template.with_values({name: spelled(value) for name, value in values.items()})
        return filled if filled.variables else Constant(filled.literals[0])
    if isinstance(template, Mapping):
        return {key: _settled(part, values) for key, part in template.items()}
    return tuple(_settled(part, values) for part in template) if isinstance(template, tuple) else template


def _present(template: BodyTemplate, given: Mapping[str, JsonValue]) -> list[JsonValue]:
    try:
        return [_rendered(template, given)]
    except _Absent:
        return []


def _json(value: JsonValue) -> tuple[str, bytes]:
    return "application/json", json_text(value).encode()


def _pairs(value: JsonValue) -> list[tuple[str, str]]:
    """The fields of a form; a list is a field for each item, anything else with parts is JSON."""
    if not isinstance(value, dict):
        raise ValueError("a form has named fields")
    items = [(name, item if isinstance(item, list) else [item]) for name, item in value.items()]
    return [(name, text_of(each)) for name, several in items for each in several]


def _form(value: JsonValue) -> tuple[str, bytes]:
    if isinstance(value, str):
        return "application/x-www-form-urlencoded", value.encode()  # written by the author of the document
    return "application/x-www-form-urlencoded", urlencode(_pairs(value)).encode()


def _multipart(value: JsonValue, files: Collection[str]) -> tuple[str, bytes]:
    """`multipart/form-data` (RFC 7578); the boundary is made from the content, so that none of it can hold it."""
    parts = []
    for name, text in _pairs(value):
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        content = text.encode()
        if name in files:
            media_type, content = _bytes(name, text)
            head += f'; filename="{_quoted(name)}"\r\nContent-Type: {media_type}'
        parts.append(f"{head}\r\n\r\n".encode() + content)
    boundary = sha256(repr(parts).encode()).hexdigest()
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _bytes(name: str, text: str) -> tuple[str, bytes]:
    try:
        return read_bytes(text)
    except UnicodeEncodeError:
        raise
    except ValueError as failure:
        raise InvalidArguments((ArgumentFault(name, str(failure)),)) from None


def _quoted(name: str) -> str:
    """A field's name as browsers escape it (WHATWG HTML, multipart form data)."""
    return name.replace("\n", "%0A").replace("\r", "%0D").replace('"', "%22")


# So that a value among text that the author wrote stays one value.
_SPELLED: Mapping[BodyKind, Callable[[JsonValue], str]] = {
    "xml": lambda value: escape(text_of(value), {'"': "&quot;", "'": "&apos;"}),
    "form": lambda value: quote_plus(text_of(value)),
}


def _plain(media_type: str) -> Callable[[JsonValue], tuple[str, bytes]]:
    return lambda value: (media_type, text_of(value).encode())


_WRITERS: Mapping[BodyKind, Callable[[JsonValue], tuple[str, bytes]]] = {
    "json": _json, "form": _form, "text": _plain("text/plain; charset=utf-8"), "xml": _plain("application/xml"),
    "raw": _plain("application/octet-stream"),
}  # fmt: skip
