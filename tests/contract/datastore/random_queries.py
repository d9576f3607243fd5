"""Random entities and random queries on them: dense enough that most queries find something."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.cloud.datastore.query import And, Or, PropertyFilter

from tests.contract.datastore.asking import KIND, entity, query

if TYPE_CHECKING:
    from random import Random

    from google.cloud.datastore import Client, Entity, Key, Query

SCALARS: tuple[Any, ...] = (None, 0, 1, 2, -1, 1.0, 2.5, True, "a", "b", b"b", datetime(1970, 1, 1, tzinfo=UTC))
PROPERTIES = ("a", "b", "c")
ARRAYS = ("t",)
RANGES = ("<", "<=", ">", ">=")


@dataclass(frozen=True)
class Asked:
    """A query in words, so that a failure shows it."""

    where: tuple[Any, ...] = ()
    order: tuple[str, ...] = ()
    projection: tuple[str, ...] = ()
    distinct_on: tuple[str, ...] = ()
    ancestor: str | None = None
    limit: int | None = None
    offset: int = 0
    sums: tuple[str, ...] = field(default=())

    def of(self, client: Client) -> Query:
        """The client's query."""
        ancestor = client.key("Root", self.ancestor) if self.ancestor else None
        return query(
            client,
            *(_condition(part) for part in self.where),
            order=self.order,
            projection=self.projection,
            distinct_on=self.distinct_on,
            ancestor=ancestor,
        )


def random_entities(random: Random, client: Client, most: int = 16) -> list[Entity]:
    """Scalars of every type, one array property, some properties absent; half of them under an ancestor."""
    return [_random_entity(random, client, at) for at in range(1, random.randint(3, most) + 1)]


def random_query(random: Random) -> Asked:
    """Anything that production accepts, known differences left out."""
    where, equal = _random_where(random)
    sortable = [name for name in (*PROPERTIES, *ARRAYS) if name not in equal or name not in ARRAYS]
    order = tuple(random.choice(["", "-"]) + name for name in random.sample(sortable, random.choice([0, 0, 1, 1, 2])))
    if order and random.random() < 0.2:
        order += (random.choice(["", "-"]) + "__key__",)
    free = [name for name in sortable if name not in equal]
    projection: tuple[str, ...] = ()
    distinct_on: tuple[str, ...] = ()
    if free and random.random() < 0.25:
        projection = tuple(random.sample(free, random.randint(1, min(2, len(free)))))
        if random.random() < 0.3 and not order:
            distinct_on = projection[:1]
    return Asked(
        where=where,
        order=order,
        projection=projection,
        distinct_on=distinct_on,
        ancestor=random.choice([None, None, None, "r", "s"]),
        limit=random.choice([None, None, 1, 2, 5]),
        offset=random.choice([0, 0, 0, 1, 3]),
        sums=tuple(random.sample(PROPERTIES, random.choice([0, 1, 2]))),
    )


def _random_entity(random: Random, client: Client, at: int) -> Entity:
    parent: Key | None = client.key("Root", random.choice("rs")) if random.random() < 0.5 else None
    properties = {name: _scalar(random) for name in PROPERTIES if random.random() < 0.85}
    if random.random() < 0.8:
        properties["t"] = random.sample([1, 2, 3, "a", None], random.randint(0, 3))
    return entity(client.key(KIND, random.choice([at, f"n{at}"]), parent=parent), **properties)


def _random_where(random: Random) -> tuple[tuple[Any, ...], set[str]]:
    """Up to three conditions, and the properties that they ask equality of."""
    where: list[Any] = []
    equal: set[str] = set()
    special = random.random()
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        name = random.choice([*PROPERTIES, *ARRAYS])
        if random.random() < 0.5:
            where.append((name, "=", _value(random, name)))
            equal.add(name)
        elif name not in equal:
            where.append((name, random.choice(RANGES), _value(random, name)))
    if special < 0.15:
        name = random.choice([*PROPERTIES, *ARRAYS])
        where.append((name, "IN", [_value(random, name) for _ in range(random.randint(1, 3))]))
        equal.add(name)
    elif special < 0.25:
        where.append((random.choice(PROPERTIES), "!=", _scalar(random)))
    elif special < 0.35:
        left, right = (random.choice(PROPERTIES) for _ in range(2))
        where.append(("or", (left, "=", _scalar(random)), (right, random.choice(("=", ">")), 1)))
        equal |= {left, right}
    elif special < 0.4:
        where.append((random.choice(PROPERTIES), "NOT_IN", random.sample(SCALARS, 2)))
    ranged = {part[0] for part in where if part[0] != "or" and part[1] not in {"=", "IN"}}
    where = [part for part in where if not (part[0] in ARRAYS and part[0] in equal & ranged)]
    return tuple(where), equal


def _value(random: Random, name: str) -> Any:
    return random.choice([1, 2, 3, "a"]) if name in ARRAYS else _scalar(random)


def _scalar(random: Random) -> Any:
    """Mostly one of few, so that conditions meet."""
    return random.choice((0, 1, 2)) if random.random() < 0.6 else random.choice(SCALARS)


def _condition(part: Any) -> Any:
    if part[0] == "or":
        return Or([PropertyFilter(*inner) if inner[0] != "and" else And(list(inner[1:])) for inner in part[1:]])
    return part
