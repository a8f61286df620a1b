"""What an archive is asked, chosen from the values it has: frequent and rare ones, and combinations that none has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.archive.building import ORGANIZATION
from fairlead.archive.model import DIMENSIONS, Dimension, Filter, Query, Tally
from fairlead.archive.store import Archive

Kind = Literal["by time", "by field", "by text"]
# More than the values of any field that is asked for all of its values.
_ALL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query, what it stands for, and how the report names it."""

    kind: Kind
    name: str
    query: Query


def questions(archive: Archive) -> list[Question]:
    """All of them."""
    values = _values(archive)
    return [
        Question(kind="by time", name="everything", query=Query(organization=ORGANIZATION)),
        *_by_field(values),
        *_by_text(values),
    ]


def _values(archive: Archive) -> dict[Dimension, list[str]]:
    """The values of each field, the most frequent first."""
    counts = archive.statistics(Query(organization=ORGANIZATION), Tally(dimensions=DIMENSIONS, most=_ALL)).counts
    return {dimension: [each.value for each in found if each.value] for dimension, found in counts.items()}


def _by_field(values: dict[Dimension, list[str]]) -> Iterator[Question]:
    types, actors, targets = values["event_type"], values["triggered_by"], values["target_id"]
    git, deployed = Filter("origin", ("GIT",)), Filter("event_type", ("DEPLOYED",))
    conditions: dict[str, tuple[Filter, ...]] = {
        "the most frequent type": (Filter("event_type", (types[0],)),),
        "the rarest type": (Filter("event_type", (types[-1],)),),
        "ten types": (Filter("event_type", tuple(types[:10])),),
        "none of the five most frequent types": (Filter("event_type", tuple(types[:5]), negated=True),),
        "all but every type": (git, Filter("event_type", tuple(types), negated=True)),
        "`UPDATE` by `CONSOLE`": (Filter("event_type", ("UPDATE",)), Filter("origin", ("CONSOLE",))),
        "`SHELL` by `GIT`, which never is": (Filter("event_type", ("SHELL",)), git),
        "type, target type and origin": (deployed, Filter("target_type", ("CONTAINER",)), git),
        "an actor in the middle": (Filter("triggered_by", (actors[len(actors) // 2],)),),
        "an actor and a type": (Filter("triggered_by", (actors[-1],)), deployed),
        "the most frequent target": (Filter("target_id", (targets[0],)),),
        "a rare target": (Filter("target_id", (targets[-1],)),),
        "a project and a sub-target type": (
            Filter("project_id", (values["project_id"][0],)),
            Filter("sub_target_type", ("VARIABLE",)),
        ),
    }  # fmt: skip
    for name, filters in conditions.items():
        yield Question(kind="by field", name=name, query=Query(organization=ORGANIZATION, filters=filters))


def _by_text(values: dict[Dimension, list[str]]) -> Iterator[Question]:
    texts = {
        "a frequent word, `production`": "production",
        "two words, `curl postgres`": "curl postgres",
        "the beginning of words, `pro*`": "pro*",
        "the beginning of thousands of words, `ab*`": "ab*",
        "a rare word, the id of a target": values["target_id"][-1],
        "a word that none has": "nosuchword",
    }
    for name, text in texts.items():
        yield Question(kind="by text", name=name, query=Query(organization=ORGANIZATION, text=text))
    for name, event_type in (("a word and a type", "UPDATE"), ("a word and a type that never has it", "SHELL")):
        filters = (Filter("event_type", (event_type,)),)
        query = Query(organization=ORGANIZATION, filters=filters, text="terraform")
        yield Question(kind="by text", name=f"{name}, `terraform` and `{event_type}`", query=query)
