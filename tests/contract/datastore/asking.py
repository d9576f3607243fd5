"""Short ways to write entities and to ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.cloud import datastore
from google.cloud.datastore.query import And, Or, PropertyFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.cloud.datastore import Client, Entity, Key, Query

KIND = "Thing"

Where = tuple[str, str, Any] | And | Or | PropertyFilter


def thing(client: Client, name: str | int, /, *, unindexed: Iterable[str] = (), **properties: Any) -> Entity:
    return entity(client.key(KIND, name), unindexed=unindexed, **properties)


def entity(key: Key | None, /, *, unindexed: Iterable[str] = (), **properties: Any) -> Entity:
    made = datastore.Entity(key, exclude_from_indexes=tuple(unindexed))
    made.update(properties)
    return made


def query(client: Client, *where: Where, kind: str | None = KIND, **options: Any) -> Query:
    made = client.query(kind=kind, **options)
    for condition in where:
        made.add_filter(filter=PropertyFilter(*condition) if isinstance(condition, tuple) else condition)
    return made


def names(
    client: Client, *where: Where, kind: str | None = KIND, limit: int | None = None, **options: Any
) -> list[Any]:
    """The ids or names of a query's results."""
    return [found.key.id_or_name for found in query(client, *where, kind=kind, **options).fetch(limit=limit)]


def count(client: Client, *where: Where, **options: Any) -> int:
    found = client.aggregation_query(query(client, *where, **options)).count(alias="n").fetch()
    return int(next(iter(found))[0].value)
