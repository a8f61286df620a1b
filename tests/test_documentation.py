"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from fairlead.plan.inference import RULES
from fairlead.spec.diagnostic_codes import CODES, NOTES, SECTIONS, documentation
from fairlead.spec.diagnostics import CodeName
from golden_files import assert_written

ROOT = Path(__file__).resolve().parent.parent

INTRODUCTION = """\
<!-- Written from spec/diagnostic_codes.py by tests/test_documentation.py, with FAIRLEAD_UPDATE_GOLDEN=1. -->

# Diagnostics

`fairlead check` prints `file:line:column code: what is wrong`, warnings and notes with that word before the code, and
the line of the document unless it may hold a secret. What to do stands below the first finding of each code. `--format
json` and `--format sarif` are for programs. Codes are stable.

- An **error** stops the document from running; only then is the exit status 1.
- A **warning** does not: the document runs, without what the warning says.
- A **note** tells what was [inferred](inference.md), because the author left it out. Notes are counted; `--notes`
  prints them, and JSON and SARIF have them.

`--strict` takes warnings and notes for errors.
"""


def _page() -> str:
    """docs/diagnostics.md: a heading for each code, because every Markdown host makes an anchor of one."""
    parts = [INTRODUCTION]
    for title, codes in SECTIONS.items():
        parts.append(f"\n## {title}\n")
        for name, code in codes.items():
            kind = str(code.severity).capitalize()
            parts.append(f"\n### {name}\n\n*{kind}.* {code.meaning}\n\n**What to do:** {code.remedy}\n")
    return "".join(parts)


def test_every_diagnostic_code_is_documented() -> None:
    """The page is written from the table, which explains every code that `check` can print and no other."""
    assert set(get_args(CodeName)) == CODES.keys()
    assert list(CODES) == [code for section in SECTIONS.values() for code in section]
    assert set(NOTES) <= RULES.keys()
    files = [file for part in ("spec", "plan", "cli") for file in (ROOT / "src/fairlead" / part).glob("*.py")]
    told = "\n".join(file.read_text() for file in files if file.stem not in {"diagnostics", "diagnostic_codes"})
    assert [code for code in CODES if f'"{code}"' not in told] == []
    assert_written(ROOT / "docs/diagnostics.md", _page())


def test_the_documentation_of_a_code_is_where_a_report_says() -> None:
    """A Markdown host makes the anchor of a heading from its words, so the heading is the code."""
    headings = [line.lstrip("# ") for line in _page().splitlines() if line.startswith("#")]
    assert len({heading.lower() for heading in headings}) == len(headings)
    for code in CODES:
        page, _, anchor = documentation(code).partition("#")
        assert (ROOT / page).exists()
        assert anchor in headings
        assert re.fullmatch("[a-z0-9-]+", anchor)


def test_every_rule_is_documented() -> None:
    """A rule that `explain` can print has a line in docs/inference.md."""
    text = (ROOT / "docs/inference.md").read_text()
    assert [code for code in RULES if f"| `{code}` |" not in text] == []


def test_every_setting_is_documented() -> None:
    """A variable that is read has a line in docs/settings.md."""
    sources = [ROOT / "src/fairlead/settings.py", *(ROOT / "src/fairlead/cli").rglob("*.py")]
    read = {name for file in sources for name in re.findall(r"FAIRLEAD_[A-Z_]+", file.read_text())}
    documented = set(re.findall(r"FAIRLEAD_[A-Z_]+", (ROOT / "docs/settings.md").read_text()))
    assert read == documented


def test_modules_stay_small() -> None:
    """A module over 400 lines, or a function over 50, is missing a noun."""
    for file in (ROOT / "src").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 400, file
