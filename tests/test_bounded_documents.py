"""What a document may cost: however it is written, a bounded time to read, and a bounded time of each call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fairlead.engine.arguments import ArgumentCheck, argument_check
from fairlead.errors import ConfigurationError, InvalidArguments
from fairlead.spec.diagnostics import DocumentInvalid
from fairlead.spec.load import load
from fairlead.spec.source import MAX_BYTES, MAX_NODES, parse
from small_documents import small_plan

# The checklist's cap, of processor time, on a machine that may be half as fast as the one this was written on.
CAP = 2.0
LETTERS = "a" * 16_000


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when what is done takes longer, whatever else the machine does meanwhile."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def filled(part: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """As much of a part as a document may hold."""
    return before + part * ((MAX_BYTES - len(before) - len(after)) // len(part)) + after


COSTLY: dict[str, tuple[bytes, str]] = {
    "a list": (filled(b"1,", before=b"[", after=b"1]"), "too-large"),
    "lists of one": (filled(b"- [[[[[[[[[[1]]]]]]]]]]\n"), "too-large"),
    "a mapping": (b"".join(b"k%d: 1\n" % number for number in range(700_000)), "too-large"),
    "one key again and again": (filled(b"k: 1\n"), "too-large"),
    "anchors": (b"".join(b"k%d: &a%d 1\n" % (number, number) for number in range(400_000)), "too-large"),
    "aliases": (filled(b"*a,", before=b"a: &a [x, x]\nb: [", after=b"x]"), "too-large"),
    "tags": (filled(b"!!str x,", before=b"[", after=b"x]"), "too-large"),
    "numbers": (filled(b"1.5e300,", before=b"[", after=b"1]"), "too-large"),
    "comments": (filled(b"#\n"), "empty-document"),
    "directives": (filled(b"%FOO bar\n", after=b"--- a"), "yaml-syntax"),
    "dashes": (filled(b"- "), "too-deep"),
    "braces": (filled(b"{"), "key-not-text"),
    "question marks": (filled(b"? "), "key-not-text"),
    "colons": (filled(b"a:"), "yaml-syntax"),
    "commas": (filled(b"[,"), "yaml-syntax"),
    "a long key": (filled(b"k", before=b'"', after=b'": 1'), "yaml-syntax"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_no_text_of_eight_megabytes_takes_long_to_refuse(name: str) -> None:
    """Values are counted while they are read, so the millionth is never reached."""
    text, code = COSTLY[name]
    with within(CAP), pytest.raises(DocumentInvalid) as refused:
        parse(text, "costly.yaml")
    assert refused.value.diagnostics[0].code == code


@pytest.mark.parametrize("text", [filled(b" x\n", before=b"a: >\n"), filled(b"\\u0041", before=b'"', after=b'"')])
def test_one_long_text_is_no_burden(text: bytes) -> None:
    """Its size alone is bounded."""
    with within(CAP):
        parse(text, "long.yaml")


DEEP = "x: " + "{a: " * 50 + "1" + "}" * 50
WIDE = "x: [" + "{a: 1, b: [1, 2]}, " * 15_000 + "]"
LONG = f'x: "{"a" * 60}!"'
TARGETS: dict[str, tuple[str, str, str]] = {
    "descents": (DEEP, "$" + "..*" * 8, "the targets visit more than"),
    "descents to a name": (DEEP, "$" + "..a" * 60, "the targets visit more than"),
    "everything twice": (DEEP, "$.x" + "[*, *]" * 50, "the targets visit more than"),
    "a search for each value": (WIDE, "$..[?@..a]", "single values only"),
    "all of it for each value": (WIDE, "$..[?$..a]", "single values only"),
    "a count for each value": (WIDE, "$..[?count(@.*) > 1]", "single values only"),
    "a regular expression": (LONG, "$[?search(@, '(a|aa)+$')]", "no JSONPath"),
    "a regular expression for all": (LONG, "$[?match(@, '(a|aa)+')]", "no JSONPath"),
    "a long way": (DEEP, "$" + ".a" * 100_000, "at most 2,000 characters"),
    "a long filter": (DEEP, "$[?" + "(" * 5_000 + "@.a" + ")" * 5_000 + "]", "at most 2,000 characters"),
}


def overlaid(folder: Path, document: str, overlay: str) -> list[str]:
    """What is said of an overlay over a document, within twice the cap: both are read."""
    (folder / "a.yaml").write_text(f"capability: {{}}\n{document}\n")
    (folder / "a.overlay.yaml").write_text(f"overlay: 1.0.0\nactions:\n{overlay}")
    with within(2 * CAP):
        found = load(folder / "a.yaml").diagnostics
    return [diagnostic.message for diagnostic in found if diagnostic.code.startswith("overlay")]


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_of_an_overlay_takes_long_to_find(tmp_path: Path, name: str) -> None:
    """JSONPath can ask for more than a machine can do; what an overlay needs of it cannot."""
    document, target, said = TARGETS[name]
    (message,) = overlaid(tmp_path, document, f'  - target: "{target}"\n    update: {{}}\n')
    assert said in message


def test_all_targets_of_an_overlay_share_one_allowance(tmp_path: Path) -> None:
    """A hundred that are allowed one by one are not allowed together."""
    action = "  - target: $..a\n    update: 2\n"
    assert "visit more than" in overlaid(tmp_path, WIDE, action * 100)[0]


def test_an_overlay_cannot_make_much_of_little(tmp_path: Path) -> None:
    """Fifteen thousand places, twenty thousand values for each of them."""
    action = f"  - target: $.x[*]\n    update: {{q: [{'1, ' * 20_000}]}}\n"
    assert overlaid(tmp_path, WIDE, action) == [f"the overlay brings more than {MAX_NODES:,} values"]


def checking(folder: Path, pattern: str) -> ArgumentCheck:
    """The check of an operation with one patterned argument."""
    plan = small_plan(folder, f"[{{name: q, in: query, type: string, pattern: '{pattern}'}}]")
    return argument_check(plan.operations[0])


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$", "^(a|a)*b$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){20}!$", "[ab]*a[ab]{900}x$",
        "^(.?){300}b$",
    ],
)  # fmt: skip
def test_no_pattern_of_a_document_holds_the_server(tmp_path: Path, pattern: str) -> None:
    """The longest value a caller can have tried takes a moment, whatever its author had in mind."""
    check = checking(tmp_path, pattern)
    with within(CAP):
        for value in (f"{LETTERS[:-1]}!", LETTERS, "ab" * 8_000):
            with suppress(InvalidArguments):  # whether it matches is not the question
                check.check({"q": value})


def test_a_longer_value_is_refused_before_its_pattern_is_tried(tmp_path: Path) -> None:
    """Four megabytes can come in the arguments of a tool."""
    with within(CAP), pytest.raises(InvalidArguments, match="longer than the 16,000 characters"):
        checking(tmp_path, "^(a+)+$").check({"q": "a" * 4_000_000})


@pytest.mark.parametrize("pattern", ["(?=a*b)c", r"(a)\1", "(?<!a)b", "^(.{1,100}){1,100}x$"])
def test_a_pattern_that_could_take_for_ever_is_refused_at_the_start(tmp_path: Path, pattern: str) -> None:
    """One that looks around or back, or is too large. The first took ten seconds for a hundred thousand letters."""
    with pytest.raises(ConfigurationError, match="make no valid schema"):
        checking(tmp_path, pattern)
