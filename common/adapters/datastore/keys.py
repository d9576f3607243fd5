"""Many entities by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud import datastore

#: Keys that one lookup may have (https://cloud.google.com/datastore/docs/concepts/limits).
MOST_KEYS = 1_000


def look_up(client: datastore.Client, keys: Sequence[datastore.Key]) -> list[datastore.Entity]:
    """Those that exist, in no order: one lookup for each thousand keys."""
    found: list[datastore.Entity] = []
    for start in range(0, len(keys), MOST_KEYS):
        found += client.get_multi(keys[start : start + MOST_KEYS])
    return found


def names_that_exist(client: datastore.Client, keys: Sequence[datastore.Key]) -> frozenset[str]:
    """The names of those keys that have an entity."""
    return frozenset(entity.key.name for entity in look_up(client, keys))
