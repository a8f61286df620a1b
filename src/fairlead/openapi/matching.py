"""Finds the operation of a description that each consumed operation is; what fits none, or several, is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.openapi.model import DescribedOperation
from fairlead.openapi.servers import paths_of
from fairlead.plan.consumed import ConsumedEntry
from fairlead.plan.inference import letters
from fairlead.plan.paths import PLACEHOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A consumed operation and the described one; `names` are the provider's placeholders by the document's."""

    entry: ConsumedEntry
    operation: DescribedOperation
    names: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The operations that were found, and why each of the others was not."""

    matches: tuple[Match, ...]
    told: tuple[str, ...]


def match_operations(entries: Sequence[ConsumedEntry], operations: Sequence[DescribedOperation]) -> Matching:
    """Pair consumed operations with described ones: by method and path, else by method and name.

    A path counts with the path of its server first, then without; the names of placeholders and the case of letters
    say nothing.
    """
    indexes = (_Index(operations, _whole_paths), _Index(operations, _bare_paths))
    by_name = _Index(operations, lambda each: [letters(each.name)] if each.name else [])
    matches, told = [], []
    for entry in entries:
        title = f"{entry.authored.name} ({entry.authored.method} {entry.path.text})"
        found = _by_path(entry, indexes) or by_name.at(entry.authored.method, letters(entry.authored.name))
        same = [each for each in found if letters(each.name) == letters(entry.authored.name)]
        chosen = same if len(found) > 1 and len(same) == 1 else found
        if len(chosen) == 1:
            matches.append(Match(entry=entry, operation=chosen[0], names=_names(entry, chosen[0])))
        elif chosen:
            rivals = ", ".join(each.title for each in chosen[:3])
            told.append(f"{title}: may be any of {rivals}")
        else:
            told.append(f"{title}: the description has no operation with this method and path, nor with this name")
    return Matching(matches=tuple(matches), told=tuple(told))


class _Index:
    """Described operations by method and some key."""

    def __init__(
        self, operations: Sequence[DescribedOperation], keys: Callable[[DescribedOperation], Sequence[str]]
    ) -> None:
        self._found: dict[tuple[str, str], dict[int, DescribedOperation]] = {}
        for number, operation in enumerate(operations):
            for key in keys(operation):
                self._found.setdefault((operation.method, key), {})[number] = operation

    def at(self, method: str, key: str) -> list[DescribedOperation]:
        """The operations of a method and a key."""
        return list(self._found.get((method, key), {}).values()) if key else []


def _by_path(entry: ConsumedEntry, indexes: tuple[_Index, _Index]) -> list[DescribedOperation]:
    method, path = entry.authored.method, _key(entry.path.text)
    (below,) = paths_of([entry.upstream.base])
    whole, bare = indexes
    return whole.at(method, _key(f"{below}{entry.path.text}")) or bare.at(method, path)


def _whole_paths(operation: DescribedOperation) -> list[str]:
    return [_key(f"{below}{operation.path}") for below in paths_of(operation.servers)]


def _bare_paths(operation: DescribedOperation) -> list[str]:
    return [_key(operation.path)]


def _key(path: str) -> str:
    """A path in the form in which two spellings of it are the same."""
    bare = PLACEHOLDER.sub("{}", path.partition("#")[0]).lower().replace("%7b%7d", "{}")
    before, question, query = bare.partition("?")
    return (before.rstrip("/") or "/") + question + query


def _names(entry: ConsumedEntry, operation: DescribedOperation) -> dict[str, str]:
    """The provider's name of each placeholder: the one in the same place, or else the one that is spelled alike."""
    theirs = [match[1] or match[2] for match in PLACEHOLDER.finditer(operation.path)]
    ours = list(entry.path.names)
    if len(theirs) <= len(ours) and _key(entry.path.text).endswith(_key(operation.path)):
        # A document's path may begin with placeholders that are the server's for the provider.
        return dict(zip(ours[len(ours) - len(theirs) :], theirs, strict=True))
    alike = {letters(name): name for name in theirs}
    return {name: alike[letters(name)] for name in ours if letters(name) in alike}
