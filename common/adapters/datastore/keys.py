"""Which of many entities are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud import datastore


def names_that_exist(client: datastore.Client, keys: Sequence[datastore.Key]) -> frozenset[str]:
    """The names of those keys that have an entity, in one lookup; Datastore takes 1,000 keys at a time."""
    return frozenset(entity.key.name for entity in client.get_multi(keys)) if keys else frozenset()
