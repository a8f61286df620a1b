"""The rules of redaction as tables in Markdown: docs/redaction.md is written from them."""

from __future__ import annotations

from fairlead.archive.redaction_rules import (
    LOOKS,
    NEVER_SECRET,
    OF_A_SECRET,
    RULES,
    RULES_VERSION,
    SECRET_NAMES,
    Rule,
)


def rules_document() -> str:
    """The rules, the names and the looks as tables in Markdown, for the documentation."""
    rules = [
        _row(f"`{rule.name}`", _targets(rule), ", ".join(f"`{path}`" for path in rule.paths), rule.reason)
        for rule in RULES
    ]
    looks = [_row(f"`{look.name}`", look.reason) for look in LOOKS]
    return "\n".join(
        [
            f"Version {RULES_VERSION} of the rules.",
            "",
            _row("rule", "targets", "paths", "why"),
            _row(*["---"] * 4),
            *rules,
            "",
            f"Names that end in one of these words: {_listed(SECRET_NAMES)}. Not {_listed(NEVER_SECRET)}; of objects",
            f"named {_listed(OF_A_SECRET)} only what is secret in them.",
            "",
            _row("look", "what it is"),
            _row("---", "---"),
            *looks,
            "",
        ]
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _targets(rule: Rule) -> str:
    return "any" if rule.everywhere else _listed(rule.target_types + rule.sub_target_types)
