"""Reads a provider's description: OpenAPI 3.0 to 3.2 and Swagger 2.0, whatever shape its parts have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fairlead.openapi.bodies import read_body
from fairlead.openapi.model import METHODS, Answer, DescribedOperation, Description
from fairlead.openapi.references import References
from fairlead.openapi.security import read_schemes, read_security
from fairlead.openapi.servers import addresses, swagger_addresses
from fairlead.openapi.shapes import first_paragraph, listed, mapping, prose, text
from fairlead.openapi.swagger import as_openapi
from fairlead.openapi.text import DescriptionRefused, read_text
from fairlead.openapi.wire import WireReader
from fairlead.spec.json_text import is_json
from fairlead.spec.source import JsonValue

_VERSION = re.compile(r"3\.[0-2](\..*)?")
_LONGEST_TITLE = 120
_LONGEST_ABOUT = 600
_LONGEST_PATH = 1_000
_UNCALLED = ("trace", "query", "additionalOperations")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDescription:
    """A description as read, and the references its schemas are still made of."""

    description: Description
    references: References


def read_description(data: bytes, name: str, source: str = "") -> ReadDescription:
    """What a description says; `name` is what messages call it, `source` the address it came from, if it did.

    Raises DescriptionRefused when it is none, or costs too much to read.
    """
    root = read_text(data, name)
    version = _version(root)
    if not version:
        raise DescriptionRefused(
            f"{name} is no OpenAPI description: it says neither `openapi: 3.…` nor `swagger: 2.0`.",
            remedy="Give the provider's OpenAPI document (3.0, 3.1 or 3.2) or its Swagger 2.0 document.",
        )
    reading = _Reading(mapping(root), source, References(root), is_swagger=version == "2.0")
    return ReadDescription(description=reading.description(), references=reading.references)


def _version(root: JsonValue) -> str:
    if text(mapping(root).get("swagger")) == "2.0":
        return "2.0"
    stated = text(mapping(root).get("openapi"))
    return stated if _VERSION.fullmatch(stated) else ""


@dataclass(slots=True)
class _Reading:
    """One description while it is read."""

    root: dict[str, JsonValue]
    source: str
    references: References
    is_swagger: bool
    told: list[str] = field(default_factory=list)

    def description(self) -> Description:
        info = mapping(self.root.get("info"))
        components = mapping(self.root.get("components"))
        schemes = self.root.get("securityDefinitions") if self.is_swagger else components.get("securitySchemes")
        operations = tuple(self._operations())
        for reference in list(self.references.unresolved)[:20]:
            self.told.append(f"`{reference[:120]}` is not in the description, so what it stands for is left out")
        return Description(
            title=prose(info.get("title"), _LONGEST_TITLE) or "API",
            version=prose(info.get("version"), _LONGEST_TITLE),
            about=prose(first_paragraph(info.get("description")), _LONGEST_ABOUT),
            operations=operations,
            schemes=read_schemes(schemes, self.references),
            told=tuple(self.told),
        )

    def _operations(self) -> Iterator[DescribedOperation]:
        servers = self.servers(self.root)
        for path, each in mapping(self.root.get("paths")).items():
            if not path.startswith("/") or len(path) > _LONGEST_PATH or not path.isprintable():
                if not path.startswith("x-"):
                    self.told.append(f"the path `{path[:80]}` is left out, as it does not begin with `/`")
                continue
            item = self.references.mapping(each)
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    reader = WireReader(self.references)
                    yield _OneOperation(self, path, item, method, reader).operation(servers)
            for method in _UNCALLED:
                if method in item:
                    self.told.append(
                        f"{method.upper()} {path}: a document has no word for this method, so it is left out"
                    )

    def servers(self, holder: dict[str, JsonValue]) -> tuple[str, ...]:
        """The addresses that a part of the description states; relative ones only make sense where it came from."""
        if self.is_swagger:
            return swagger_addresses(self.root, self.source) if holder is self.root else ()
        stated = addresses(holder.get("servers"), self.source, self.references)
        if not stated and holder is self.root and self.source:
            return addresses([{"url": "/"}], self.source, self.references)
        return stated


@dataclass(frozen=True, slots=True)
class _OneOperation:
    """One operation while it is read."""

    reading: _Reading
    path: str
    item: dict[str, JsonValue]
    method: str
    reader: WireReader

    def operation(self, servers: tuple[str, ...]) -> DescribedOperation:
        """The operation; what is left out of it is told."""
        found, parameters = mapping(self.item[self.method]), self._parameters()
        if self.reading.is_swagger:
            found, parameters = as_openapi(found, parameters, self.reading.root, self.reading.references)
        inputs = [one for each in parameters for one in self.reader.inputs(each)]
        inputs = list({(one.place, one.name): one for one in inputs}.values())
        request_body = self.reading.references.mapping(found.get("requestBody"))
        body, fields = read_body(request_body, [one.name for one in inputs], self.reader)
        inputs += fields
        made = DescribedOperation(
            method=self.method.upper(),
            path=self.path,
            name=prose(found.get("operationId"), _LONGEST_TITLE),
            description=_said(found),
            inputs=tuple(inputs),
            body=body,
            answer=self._answer(found),
            servers=self.reading.servers(found) or self.reading.servers(self.item) or servers,
            security=read_security(found.get("security", self.reading.root.get("security"))),
        )
        self.reading.told.extend(f"{made.title}: {each}" for each in self.reader.told)
        return made

    def _parameters(self) -> list[dict[str, JsonValue]]:
        """The parameters, those of the path before the operation's own, which replace them."""
        own = listed(mapping(self.item[self.method]).get("parameters"))
        every = [self.reading.references.mapping(each) for each in (*listed(self.item.get("parameters")), *own)]
        return list({(text(each.get("in")), text(each.get("name"))): each for each in every}.values())

    def _answer(self, operation: dict[str, JsonValue]) -> Answer:
        """The first answer that is a success, in JSON where there is a choice."""
        responses = mapping(operation.get("responses"))
        codes = sorted(code for code in responses if code[:1] == "2") or [
            code for code in responses if code == "default"
        ]
        for code in codes[:10]:
            content = mapping(self.reading.references.mapping(responses[code]).get("content"))
            for name in sorted(content, key=lambda each: not is_json(each.partition(";")[0].strip())):
                media = self.reading.references.mapping(content[name])
                return Answer(media_type=name.partition(";")[0].strip().lower(), schema=media.get("schema"))
        return Answer()


def _said(operation: dict[str, JsonValue]) -> str:
    """What an operation does: its summary, and the beginning of its description where that says more."""
    summary = prose(operation.get("summary"), _LONGEST_ABOUT)
    more = prose(first_paragraph(operation.get("description")), _LONGEST_ABOUT)
    if not summary or not more or more.startswith(summary.rstrip(".")):
        return more or summary
    return f"{summary.rstrip('.')}. {more}"
