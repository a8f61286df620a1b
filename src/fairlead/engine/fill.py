"""Fills an upstream call with arguments: a plain function from arguments to a request, nothing sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from fairlead.engine.bodies import BodyFiller
from fairlead.engine.hosts import HostFiller, host_filler
from fairlead.engine.texts import text_of
from fairlead.errors import ArgumentFault, InvalidArguments
from fairlead.plan.inference import RESERVED_HEADERS
from fairlead.plan.model import Argument, Arguments, Body, Constant, Location, Supply, UpstreamCall
from fairlead.plan.paths import PathTemplate, percent_encoded
from fairlead.plan.templates import Template
from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import UpstreamRequest

_ACCEPT = {"json": "application/json", "xml": "application/xml", "csv": "text/csv", "html": "text/html"}
_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")
# Servers take 8,000 to 16,000 characters of an address or a header, and the client none beyond 64 kB.
_LONGEST_TEXT = 16_000


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in the request and the argument that fills it; `key` is encoded for where it stands."""

    argument: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFiller:
    """An upstream call taken apart for filling: made once, used for every request."""

    method: str
    base: str
    host: HostFiller | None
    template: PathTemplate
    path: tuple[_Slot, ...]
    query: tuple[_Slot, ...]
    headers: tuple[_Slot, ...]
    cookies: tuple[_Slot, ...]
    body: BodyFiller | None
    rendered: tuple[tuple[str, Template], ...]
    constants: Mapping[str, JsonValue]
    fixed_query: tuple[str, ...] = field(repr=False)
    fixed_headers: tuple[tuple[str, str], ...] = field(repr=False)

    def fill(self, arguments: Arguments) -> UpstreamRequest:
        """The request for these arguments; absent ones are not sent.

        Raises InvalidArguments for a value that cannot stand where it belongs (a dot segment in a path, a
        line break in a header, infinity anywhere).
        """
        if self.constants or self.rendered:
            arguments = self._supplied(arguments)
        pairs: list[str] = []
        for slot in self.query:
            if slot.argument in arguments:
                pairs.extend([f"{slot.key}={percent_encoded(text)}" for text in _texts(slot, arguments)])
        pairs.extend(self.fixed_query)
        base = self.base if self.host is None else self.host.fill(arguments)
        url = f"{base}{self._path(arguments)}"
        if pairs:
            url = f"{url}{'&' if '?' in url else '?'}{'&'.join(pairs)}"
        if len(url) > _LONGEST_TEXT:
            raise self._too_long(len(url), arguments)
        body = self._body(arguments)
        if not self.headers and not self.cookies and body is None:
            return UpstreamRequest(self.method, url, self.fixed_headers)
        headers = self._headers(arguments)
        if body is None:
            return UpstreamRequest(self.method, url, headers)
        return UpstreamRequest(self.method, url, (*headers, ("Content-Type", body[0])), body[1])

    def _supplied(self, arguments: Arguments) -> Arguments:
        """The arguments with what the document supplies; a template that lacks an argument supplies nothing."""
        rendered = {
            name: template.render(lambda variable: _text(variable, arguments[variable]))
            for name, template in self.rendered
            if arguments.keys() >= set(template.variables)
        }
        return {**arguments, **self.constants, **rendered}

    def _path(self, arguments: Arguments) -> str:
        try:
            return self.template.fill({slot.key: text_of(arguments[slot.argument]) for slot in self.path})
        except UnicodeEncodeError:
            raise
        except (KeyError, ValueError):
            return self._path_with_fault(arguments)

    def _path_with_fault(self, arguments: Arguments) -> str:
        """The path once more, to find the argument at fault; raises InvalidArguments."""
        absent = [slot.argument for slot in self.path if slot.argument not in arguments]
        if absent:
            lacking = dict.fromkeys(name for own in absent for name in self._givers(own) if name not in arguments)
            raise InvalidArguments(tuple(ArgumentFault(name, "is required") for name in lacking))
        given = {slot.argument: _text(slot.argument, arguments[slot.argument]) for slot in self.path}
        try:
            return self.template.fill({slot.key: given[slot.argument] for slot in self.path})
        except UnicodeEncodeError:
            raise
        except ValueError as failure:
            at_fault = next((name for name, text in given.items() if set(text) <= {"."}), next(iter(given), "path"))
            raise InvalidArguments((ArgumentFault(self._givers(at_fault)[0], str(failure)),)) from None

    def _givers(self, argument: str) -> tuple[str, ...]:
        """The caller's arguments behind one of the filler's own; itself when it is the caller's."""
        template = dict(self.rendered).get(argument)
        return template.variables if template and template.variables else (argument.lstrip("\0"),)

    def _too_long(self, length: int, arguments: Arguments) -> InvalidArguments:
        used = [name for slot in (*self.path, *self.query) for name in self._givers(slot.argument)]
        sizes = {name: len(json_text(arguments[name])) for name in used if name in arguments}
        longest = max(sizes, key=sizes.__getitem__, default="arguments")
        said = f"makes the upstream's address {length:,} characters long; at most {_LONGEST_TEXT:,} can be sent"
        return InvalidArguments((ArgumentFault(longest, said),))

    def _headers(self, arguments: Arguments) -> tuple[tuple[str, str], ...]:
        headers = {name.lower(): (name, value) for name, value in self.fixed_headers}
        for slot in self.headers:
            if slot.argument not in arguments:
                continue
            text = _text(slot.argument, arguments[slot.argument])
            if not _HEADER_TEXT.fullmatch(text):
                raise InvalidArguments((ArgumentFault(slot.argument, "holds a character that a header cannot carry"),))
            if len(text) > _LONGEST_TEXT:
                said = f"is longer than the {_LONGEST_TEXT:,} characters a header can carry"
                raise InvalidArguments((ArgumentFault(slot.argument, said),))
            headers[slot.key.lower()] = (slot.key, text.strip())
        cookies = [
            f"{slot.key}={percent_encoded(_text(slot.argument, arguments[slot.argument]))}"
            for slot in self.cookies
            if slot.argument in arguments
        ]
        if cookies:
            _, own = headers.get("cookie", ("", ""))
            headers["cookie"] = ("Cookie", "; ".join([*filter(None, [own]), *cookies]))
        return tuple(headers.values())

    def _body(self, arguments: Arguments) -> tuple[str, bytes] | None:
        if self.body is None:
            return None
        try:
            return self.body.fill(arguments)
        except UnicodeEncodeError:
            raise
        except ValueError:
            raise _no_json(next(iter(self.body.fields.values()), self.body.entity or "")) from None


def request_filler(call: UpstreamCall, base: str, credential: Credential) -> RequestFiller:
    """Take a call apart; headers that the credential or the connection decides are no caller's to fill."""
    taken = RESERVED_HEADERS | {name.lower() for name, _ in credential.headers}
    cookies = {value.reveal().partition("=")[0] for name, value in credential.headers if name == "Cookie"}
    slots: dict[str, list[_Slot]] = {place: [] for place in get_args(Location)}
    constants: dict[str, JsonValue] = {}
    rendered: list[tuple[str, Template]] = []
    for item in call.inputs:
        argument = _argument_name(item.supply, item.name, constants, rendered)
        key = percent_encoded(item.name, safe="$") if item.location in {"query", "cookie"} else item.name
        if item.location == "header" and item.name.lower() in taken:
            continue
        if item.location != "cookie" or item.name not in cookies:
            slots[item.location].append(_Slot(argument, key))
    return RequestFiller(
        method=call.method,
        base=base,
        host=host_filler(base, {slot.key: slot.argument for slot in slots["host"]}),
        template=call.path,
        path=tuple(slots["path"]),
        query=tuple(slots["query"]),
        headers=tuple(slots["header"]),
        cookies=tuple(slots["cookie"]),
        body=_body_filler(call.body, slots["body"], slots["field"], credential),
        rendered=tuple(rendered),
        constants=constants,
        fixed_query=tuple(
            f"{percent_encoded(name)}={percent_encoded(secret.reveal())}" for name, secret in credential.query
        ),
        fixed_headers=(
            ("Accept", _ACCEPT.get(call.raw_format, "*/*")),
            *((name, secret.reveal()) for name, secret in credential.headers),
        ),
    )


def _body_filler(
    body: Body | None, entities: Sequence[_Slot], fields: Sequence[_Slot], credential: Credential
) -> BodyFiller | None:
    if body is None:
        return None
    return BodyFiller(
        body=body,
        entity=entities[0].argument if entities else None,
        fields={slot.key: slot.argument for slot in fields},
        fixed={name: secret.reveal() for name, secret in credential.fields},
    )


def _argument_name(
    supply: Supply, name: str, constants: dict[str, JsonValue], rendered: list[tuple[str, Template]]
) -> str:
    """The argument that fills an input; what is not the caller's stands under a name no caller can use."""
    if isinstance(supply, Argument):
        return supply.name
    own = f"\0{name}"
    if isinstance(supply, Constant):
        constants[own] = supply.value
    else:
        rendered.append((own, supply))
    return own


def _text(argument: str, value: JsonValue) -> str:
    try:
        return text_of(value)
    except ValueError:
        raise _no_json(argument) from None


def _texts(slot: _Slot, arguments: Arguments) -> list[str]:
    value = arguments[slot.argument]
    return [_text(slot.argument, item) for item in (value if isinstance(value, list) else (value,))]


def _no_json(argument: str) -> InvalidArguments:
    return InvalidArguments((ArgumentFault(argument.lstrip("\0"), "holds what JSON cannot carry to the upstream"),))
