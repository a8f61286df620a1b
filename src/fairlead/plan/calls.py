"""Finds the consumed operation that a `call` names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.plan.consumed import ConsumedEntry
from fairlead.plan.findings import Findings
from fairlead.plan.inference import letters
from fairlead.plan.paths import PLACEHOLDER
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.source import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One place where something is called: the adapter it is exposed on, and for REST its method and path."""

    name: str
    at: Path
    adapter: str
    method: str = ""
    path: str = ""


@dataclass(slots=True)
class Calls:
    """The consumed operations by name. Several of one name are told apart by their use (dialect R22)."""

    consumed: Mapping[str, Sequence[ConsumedEntry]]
    findings: Findings
    _uses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def find(self, call: str, use: Use) -> ConsumedEntry | None:
        """The operation, or None after saying why there is none that can be run."""
        entries = self.consumed.get(call) or self._spelled_alike(call, use)
        if not entries:
            message = f"`{call}` is no consumed operation (`namespace.operation`), so `{use.name}` is not served"
            hint = did_you_mean(call, self.consumed)
            self.findings.warning((*use.at, "call"), "unknown-call", message + hint)
            return None
        entry = entries[0] if len(entries) == 1 else self._meant(call, entries, use)
        if entry.refused:
            line = self.findings.source.value_position(entry.at).line
            message = f"`{call}` is not run, for the reason told on line {line}, so `{use.name}` is not served"
            self.findings.warning((*use.at, "call"), "refused-call", message)
            return None
        return entry

    def _spelled_alike(self, call: str, use: Use) -> Sequence[ConsumedEntry]:
        alike = [name for name in self.consumed if letters(name) == letters(call)]
        if len(alike) != 1:
            return ()
        self.findings.inferred((*use.at, "call"), "call-spelling", use.name, f"`{call}` is `{alike[0]}`")
        return self.consumed[alike[0]]

    def _meant(self, call: str, entries: Sequence[ConsumedEntry], use: Use) -> ConsumedEntry:
        """The n-th use of a name is its n-th definition, unless method and path say more clearly which it is."""
        number = self._uses[use.adapter, call]
        self._uses[use.adapter, call] += 1
        if use.path:
            likely = [each for each in entries if each.authored.method == use.method]
            likely = [each for each in likely if _shape(use.path).endswith(_shape(each.path.text))]
            if len(likely) == 1:
                return likely[0]
        return entries[min(number, len(entries) - 1)]


def _shape(path: str) -> str:
    """A path whose placeholders have no names and whose literals are letters and digits only."""
    return "/".join("{}" if PLACEHOLDER.fullmatch(part) else letters(part) for part in path.strip("/").split("/"))
