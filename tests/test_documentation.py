"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead.plan.inference import RULES

ROOT = Path(__file__).resolve().parent.parent


def test_every_diagnostic_code_is_documented() -> None:
    """A code that `check` can print has a line in docs/diagnostics.md, and no line is about nothing."""
    sources = "\n".join(
        file.read_text() for part in ("spec", "plan") for file in (ROOT / "src/fairlead" / part).glob("*.py")
    )
    calls = re.findall(r"(?:findings\.(?:error|warning)|_refused|Diagnostic)\((?:[^()]|\([^()]*\))*\)", sources)
    codes = {code for call in calls for code in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', call)}
    documented = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", (ROOT / "docs/diagnostics.md").read_text()))
    assert codes - documented - set(RULES) == set()
    assert {code for code in documented if code not in sources} == set()


def test_every_rule_is_documented() -> None:
    """A rule that `explain` can print has a line in docs/inference.md."""
    text = (ROOT / "docs/inference.md").read_text()
    assert [code for code in RULES if f"| `{code}` |" not in text] == []


def test_every_setting_is_documented() -> None:
    """A variable that is read has a line in docs/settings.md."""
    sources = [ROOT / "src/fairlead/settings.py", *(ROOT / "src/fairlead/cli").glob("*.py")]
    read = {name for file in sources for name in re.findall(r"FAIRLEAD_[A-Z_]+", file.read_text())}
    documented = set(re.findall(r"FAIRLEAD_[A-Z_]+", (ROOT / "docs/settings.md").read_text()))
    assert read == documented


def test_modules_stay_small() -> None:
    """A module over 400 lines, or a function over 50, is missing a noun."""
    for file in (ROOT / "src").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 400, file
