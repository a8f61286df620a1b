"""What each diagnostic code means and how to mend what it is about: the one table behind `check` and its page.

docs/diagnostics.md is written from it (tests/test_documentation.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.spec.diagnostics import CodeName, Severity


@dataclass(frozen=True, slots=True)
class Code:
    """How grave a finding with this code is at most, what it means and what its author can do."""

    severity: Severity
    meaning: str
    remedy: str


def documentation(code: CodeName) -> str:
    """Where the code is documented: the page within the project, and the place in it."""
    return f"docs/diagnostics.md#{code}"


def _error(meaning: str, remedy: str) -> Code:
    return Code(Severity.ERROR, meaning, remedy)


def _warning(meaning: str, remedy: str) -> Code:
    return Code(Severity.WARNING, meaning, remedy)


def _note(meaning: str, remedy: str) -> Code:
    return Code(Severity.NOTE, meaning, remedy)


_FILE: Mapping[CodeName, Code] = {
    "unreadable-file": _error(
        "A file cannot be opened. A folder below a named one that cannot be opened is a warning.",
        "Check the name, and whether you may read it.",
    ),
    "not-utf8": _error("The bytes are no UTF-8 text.", "Save the file as UTF-8."),
    "yaml-syntax": _error(
        "The text is no YAML.",
        "Look at the place named and right before it: often it is the indentation, a bracket or a quote.",
    ),
    "yaml-tag": _error("A value has a tag, such as `!!python/name`.", "Remove the tag; a text may stand in quotes."),
    "key-not-text": _error(
        "A list, a mapping or an alias stands where a key belongs.",
        "Write a plain key; put a text that begins with `{`, `[` or `*` in quotes.",
    ),
    "unknown-alias": _error(
        "`*name` stands without a finished `&name` before it.",
        "Move or add the anchor; put a text that begins with `*` in quotes.",
    ),
    "several-documents": _error("`---` starts a second document.", "Put each document into a file of its own."),
    "empty-document": _error("There is nothing in the file.", "Write the document, or leave the file out."),
    "too-large": _error(
        "A file has more than 8 MiB, or more than a hundred thousand values once aliases are expanded.",
        "Split it into several documents; they can be served together.",
    ),
    "too-deep": _error(
        "Values are nested more than 64 levels deep.", "Nest less: nothing a document says goes so deep."
    ),
    "duplicate-key": _error("A key is given twice in one mapping.", "Remove or rename one of the two."),
}
_SHAPE: Mapping[CodeName, Code] = {
    "no-capability": _error(
        "The file has no key `capability`, so it is of another kind.",
        "Leave the file out, or say under `capability` what is consumed and what is exposed.",
    ),
    "missing-key": _error("Something lacks a key that it needs.", "Add the key."),
    "unknown-key": _warning(
        "Nobody reads a key; often it is misspelled.",
        "Correct or remove it; keys that begin with `x-` are left alone.",
    ),
    "unknown-value": _warning(
        "A value is none of the allowed ones. The operation is not served.",
        "Correct the spelling, or use one that the message names.",
    ),
    "wrong-type": _error(
        "A text stands where a list belongs, and the like. Where nothing depends on it, it is a warning.",
        "Write what the message asks for.",
    ),
    "out-of-range": _error(
        "A whole number has more than 64 bits. A number beyond its bounds, as of a port, is a warning.",
        "Choose one within the bounds; write a long one as a text, in quotes.",
    ),
}
_CONSUMED: Mapping[CodeName, Code] = {
    "no-address": _warning(
        "A consumed API has no usable `baseUri`.",
        "Write it as `https://host/path`, or serve with `--upstream URL`.",
    ),
    "placeholder-address": _warning(
        "A placeholder in `baseUri` decides the host, the port or the scheme, and thereby whom the credential goes to.",
        "Write the address out, or serve with `--pin NAME=VALUE` or `--upstream URL`.",
    ),
    "missing-bind-file": _warning(
        "A bind names a file that is not there, or that leads out of the folders around the document.",
        "Put the file there before a server starts, or give the path from the document.",
    ),
    "missing-import": _warning(
        "A consumed API cannot be imported: its file is not there, leads out of the folders around the document, "
        "cannot be read or has no such API.",
        "Give the path from the document's folder, and the namespace that the API has in that file.",
    ),
    "unsupported-type": _warning(
        "A consumed API is not of the type `http`. None of its operations is served.",
        "Write `type: http` if the API is called over HTTP; no other kind can be called.",
    ),
    "duplicate-operation": _warning(
        "Two consumed operations have one name. The n-th use is the n-th of them, unless method and path say which.",
        "Rename one of them, and what calls it.",
    ),
    "unnamed-input": _warning(
        "An input has an empty name. Nobody can give it, and it is not sent.", "Name it, or take it out."
    ),
    "unplaced-input": _warning(
        "An input has no place in the request: the path has no placeholder for it, or the `body` block does not name "
        "it. It is not sent.",
        "Add its placeholder to the path or its variable to the `body`, or change its `in`.",
    ),
    "reserved-header": _warning(
        "An input is a header that the connection or the credential decides. It is not sent.",
        "Remove it; a credential is written as `authentication`.",
    ),
    "bad-pattern": _error("A pattern is no regular expression.", "Correct the pattern."),
    "unsupported-location": _warning(
        "An input has an `in` that no request has a place for. The operation is not served.",
        "Use `path`, `query`, `header`, `cookie`, `body` or `formData`.",
    ),
    "unsupported-body": _warning(
        "A `body` is of another type than json, text, xml, raw, formUrlEncoded and multipartForm. The operation is not "
        "served.",
        "Use one of these types.",
    ),
}
_CREDENTIALS: Mapping[CodeName, Code] = {
    "unsupported-authentication": _error(
        "What callers would have to show is not supported, and an adapter is not served without. For an upstream it "
        "is a warning: none of its operations is served.",
        "Use `bearer`, `apikey` or `basic`; for callers also `oauth2`.",
    ),
    "unbound-variable": _error(
        "No bind has a variable of what callers show. For an upstream it is a warning: the environment variable of "
        "that name is taken.",
        "Add the variable to the keys of a bind, or correct its name.",
    ),
    "unknown-variable": _warning(
        "No bind has a variable of an authentication, and it is no name of an environment variable. None of the API's "
        "operations is served.",
        "Add the variable to the keys of a bind, or correct its name.",
    ),
    "bad-scheme": _error(
        "A token scheme cannot stand in an `Authorization` header.",
        "Use one word, such as `Bearer` or `Token`.",
    ),
}
_EXPOSED: Mapping[CodeName, Code] = {
    "nothing-exposed": _error(
        "There is no operation and no tool at all, or none that can be served.",
        "Expose an operation with `call`; what the other findings say may be the reason.",
    ),
    "unserved-adapter": _warning("An adapter is neither `rest` nor `mcp`. It is not served.", "Use `rest` or `mcp`."),
    "unknown-call": _warning(
        "A `call` names no consumed operation. What calls it is not served.",
        "Write `namespace.operation`, both as they stand under `consumes`.",
    ),
    "refused-call": _warning(
        "A `call` names an operation that cannot be run. What calls it is not served.",
        "Mend what is told on the line that the message names.",
    ),
    "unsupported-steps": _warning(
        "`steps`, `ref` or a mock, which are not run yet. It is not served.", "Name one operation in `call`."
    ),
    "unsupported-mapping": _warning(
        "An output mapping is another than `$.` and is not run yet. It is not served.",
        "Write `mapping: $.`, or leave `outputParameters` out: the answer is passed on untouched.",
    ),
    "unknown-input": _warning(
        "`with` sets an input that the operation has not. It is not sent.",
        "Correct the name, or declare the input where the operation is consumed.",
    ),
    "unused-input": _warning(
        "An exposed operation declares an input that nothing upstream takes, so callers cannot give it.",
        "Name it in `with`, or remove it.",
    ),
    "duplicate-route": _warning(
        "Two operations claim one route. The first is served.", "Change the path or the method of one."
    ),
    "duplicate-tool": _warning("Two tools have one name. The later has a number behind it.", "Rename one of them."),
    "bad-tool-name": _warning(
        "A tool has a name that MCP does not allow. It gets one that it allows.",
        "Use letters, digits, `_`, `-` and `.` only.",
    ),
    "long-tool-name": _warning("A tool's name is longer than the 64 characters most models take.", "Shorten it."),
}
_ROUTES: Mapping[CodeName, Code] = {
    "ambiguous-placeholder": _warning(
        "A route's placeholder fits several parameters. The route is not served.", "Spell it like one of them."
    ),
    "placeholder-position": _warning("A route's placeholder matches by position only.", "Spell both alike."),
    "unused-placeholder": _warning(
        "Nothing upstream takes a route's placeholder. Callers fill it, and it is not sent.",
        "Spell it like the parameter that is meant, or take it out of the route.",
    ),
    "lost-placeholder": _warning(
        "A route has no place for a path parameter. Callers give it in the query.",
        "Put its placeholder into the route, or its value into `with`.",
    ),
}
_CALLERS: Mapping[CodeName, Code] = {
    "misplaced-authentication": _error(
        "A key that is meant to guard something is misspelled, or stands where nobody reads it.",
        "Write it as `authentication` of the adapter.",
    ),
    "several-authentications": _error(
        "Two adapters of one type, which share a port, ask their callers for different things.",
        "Give both the same, or put each into a document of its own and serve them apart.",
    ),
    "unsupported-placement": _error(
        "Callers would have to show a key in a cookie or in the body.",
        "Use `header`, or for an API key `query`.",
    ),
    "unsupported-validation": _error(
        "`tokenValidation` is another than `jwks`.", "Use `jwks`, which is what holds without it too."
    ),
    "bad-address": _error(
        "An address of `oauth2` is not https, or holds more than a host and a path.",
        "Write it as `https://host/path`; http is for this machine only.",
    ),
    "bad-scope": _error("A scope has a space or a quote in it.", "List the scopes, one word each."),
    "literal-secret": _warning(
        "A secret of the callers stands in the document.",
        "Name a bind as in `{{env.KEY}}`, and change the secret: whoever read the document knows it.",
    ),
    "shadowed-input": _warning(
        "An input has the name of the key that callers authenticate with, so they cannot give it.",
        "Rename one of them.",
    ),
}
_OVERLAYS: Mapping[CodeName, Code] = {
    "overlay-target": _warning(
        "An action of the overlay selects nothing.",
        "Compare the target with the document, which may have changed.",
    ),
    "overlay-action": _error(
        "An action of the overlay cannot be read, its target visits too much, or it brings too much.",
        "Give it a `target` that is a JSONPath, with `update` or `remove: true`, and name what is meant exactly.",
    ),
    "bad-link": _error(
        "An overlay's pagination says where a link stands in a way that cannot be read.",
        "Write the names that lead to it, as in `$.links.next`.",
    ),
    "unknown-parameter": _error(
        "An overlay's pagination names a parameter that the operation has not.",
        "Use a name that `fairlead explain` shows for the operation.",
    ),
}
_INFERRED: Mapping[CodeName, Code] = {
    "inherited": _note(
        "An operation or a tool declares no inputs, so it has those of the operation it calls.",
        "List in `inputParameters` what callers may give.",
    ),
    "undeclared-placeholder": _note(
        "No input declares a placeholder of a path, so it is a required string.",
        "Declare it among `inputParameters`, with `in: path` and a description.",
    ),
    "placeholder-case": _note(
        "A route's placeholder and the parameter that it fills differ in case.", "Spell both alike."
    ),
    "placeholder-punctuation": _note(
        "A route's placeholder and the parameter that it fills differ in punctuation.", "Spell both alike."
    ),
    "host-label": _note(
        "A placeholder stands in the address in front of its domain, so it is a required parameter.",
        "Declare it among `inputParameters` of the API, or write the address out.",
    ),
    "address-variable": _note(
        "A placeholder of the address is in capitals, so it is an environment variable.",
        "Add it to the keys of a bind, or write the address out.",
    ),
    "body-fields": _note(
        "Several inputs are `in: body`, so they are the fields of a JSON object.",
        "Say in a `body` block what the body is made of.",
    ),
    "form-body": _note(
        "Inputs are `in: formData`, so the body is a form; of several parts when one of them is a file.",
        "Say with a `body` block which form it is: `formUrlEncoded` or `multipartForm`.",
    ),
    "undeclared-body": _note(
        "An operation that writes declares no body, so it takes any and sends it as it is.",
        "Declare the body: an input that is `in: body`, or a `body` block.",
    ),
    "call-spelling": _note(
        "A `call` differs from the operation that it means in case and punctuation.",
        "Spell it like the operation.",
    ),
    "exposed-as-consumed": _note(
        "A document exposes nothing, so each operation that it consumes is a route and a tool.",
        "Say under `exposes` which routes and tools there are.",
    ),
}

SECTIONS: Mapping[str, Mapping[CodeName, Code]] = {
    "The file": _FILE,
    "Keys and values": _SHAPE,
    "What is consumed": _CONSUMED,
    "Credentials": _CREDENTIALS,
    "What is exposed": _EXPOSED,
    "Placeholders of routes": _ROUTES,
    "What callers show": _CALLERS,
    "Overlays": _OVERLAYS,
    "What was inferred": _INFERRED,
}
"""Every code, by what it is about."""

CODES: Mapping[CodeName, Code] = {name: code for section in SECTIONS.values() for name, code in section.items()}

NOTES: Mapping[str, CodeName] = {rule: rule for rule in _INFERRED}
"""The inference rules that supply what an author could have written, which is worth a note."""
