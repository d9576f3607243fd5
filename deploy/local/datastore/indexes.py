"""Composite indexes: which ones are declared, and which one a query needs.

The rules are those of https://cloud.google.com/datastore/docs/concepts/indexes. Every property has a built-in index in
both directions; built-in indexes are merged for any number of equality filters. Anything that also needs an order, a
range or values of another property reads composite indexes, each of which holds some of the equality properties and
ends in exactly the sort that is needed; several such indexes with the same ending are merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from deploy.local.datastore.values import KEY_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DIRECTIONS = {"asc": False, "desc": True}


@dataclass(frozen=True)
class Sort:
    """One property of an order or of an index."""

    name: str
    descending: bool = False


@dataclass(frozen=True)
class CompositeIndex:
    """One entry of index.yaml."""

    kind: str
    properties: tuple[Sort, ...]
    ancestor: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its properties in order, directions apart."""
        return tuple(sort.name for sort in self.properties)

    def as_yaml(self) -> str:
        """The entry as index.yaml has it."""
        lines = [f"- kind: {self.kind}"]
        if self.ancestor:
            lines.append("  ancestor: yes")
        lines.append("  properties:")
        for sort in self.properties:
            lines.append(f"  - name: {sort.name}")
            if sort.descending:
                lines.append("    direction: desc")
        return "\n".join(lines)


@dataclass(frozen=True)
class IndexNeed:
    """What one conjunction of a query asks of the indexes."""

    kind: str
    ancestor: bool = False
    equalities: frozenset[str] = frozenset()
    orders: tuple[Sort, ...] = ()  #: explicit, in sequence
    ranges: frozenset[str] = frozenset()  #: inequality properties that `orders` does not name
    values: frozenset[str] = frozenset()  #: projected or aggregated, named in neither

    def served_by(self, declared: Iterable[CompositeIndex]) -> bool:
        """Whether built-in and *declared* indexes can answer without scanning entities."""
        if self._served_by_built_in_indexes():
            return True
        covered: dict[tuple[Sort, ...], set[str]] = {}
        for index in declared:
            if index.kind == self.kind and index.ancestor == self.ancestor:
                prefix, suffix = self._split(index)
                if self._ends_right(suffix) and {sort.name for sort in prefix} <= self.equalities:
                    covered.setdefault(suffix, set()).update(sort.name for sort in prefix)
        return any(names >= self.equalities for names in covered.values())

    def recommended(self) -> CompositeIndex:
        """The one index that serves this alone."""
        unsorted = [*sorted(self.ranges), *sorted(self.values)]
        properties = (
            *(Sort(name) for name in sorted(self.equalities)),
            *self.orders,
            *(Sort(name) for name in unsorted),
        )
        return CompositeIndex(self.kind, properties, self.ancestor)

    def _served_by_built_in_indexes(self) -> bool:
        sorted_by = {sort.name for sort in self.orders} | self.ranges | self.values
        if not sorted_by:
            return True
        alone = len(sorted_by) == 1 and not self.equalities and not self.ancestor
        return alone and sorted_by != {KEY_PROPERTY}

    def _split(self, index: CompositeIndex) -> tuple[tuple[Sort, ...], tuple[Sort, ...]]:
        at = len(index.properties) - len(self.orders) - len(self.ranges) - len(self.values)
        return index.properties[: max(at, 0)], index.properties[max(at, 0) :]

    def _ends_right(self, suffix: tuple[Sort, ...]) -> bool:
        ordered, ranged = len(self.orders), len(self.orders) + len(self.ranges)
        return (
            suffix[:ordered] == self.orders
            and {sort.name for sort in suffix[ordered:ranged]} == self.ranges
            and {sort.name for sort in suffix[ranged:]} == self.values
        )


@dataclass(frozen=True)
class IndexDefinitions:
    """All composite indexes of a database."""

    indexes: tuple[CompositeIndex, ...] = ()

    def of_kind(self, kind: str) -> tuple[CompositeIndex, ...]:
        """Those that entities of *kind* have entries in."""
        return tuple(index for index in self.indexes if index.kind == kind)

    def missing_for(self, needs: Iterable[IndexNeed]) -> CompositeIndex | None:
        """The index to declare before a query with these *needs* may run; None when nothing is missing."""
        return next((need.recommended() for need in needs if not need.served_by(self.indexes)), None)


def load_indexes(path: Path) -> IndexDefinitions:
    """Read index.yaml, in the format of `gcloud datastore indexes create`.

    Raises:
        ValueError: the file is not such a list; the message names the entry and the field.
    """
    return parse_indexes(path.read_text(encoding="utf-8"), source=str(path))


def parse_indexes(text: str, *, source: str = "index.yaml") -> IndexDefinitions:
    """Parse the text of an index.yaml; *source* names it in errors."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{source}: not YAML: {error}") from error
    if document is None:
        return IndexDefinitions()
    if not isinstance(document, dict) or set(document) - {"indexes"}:
        raise ValueError(f"{source}: expected one top-level key, `indexes`")
    entries = document.get("indexes") or []
    if not isinstance(entries, list):
        raise ValueError(f"{source}: `indexes` must be a list")  # noqa: TRY004 the value of a file, not of a call
    return IndexDefinitions(tuple(_index(entry, f"{source}: indexes[{at}]") for at, entry in enumerate(entries)))


def _index(entry: object, where: str) -> CompositeIndex:
    if not isinstance(entry, dict) or set(entry) - {"kind", "ancestor", "properties"}:
        raise ValueError(f"{where}: expected `kind`, `properties` and optionally `ancestor`")
    kind, ancestor, properties = entry.get("kind"), entry.get("ancestor", False), entry.get("properties")
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"{where}.kind: must be the name of a kind")
    if not isinstance(ancestor, bool):
        raise ValueError(f"{where}.ancestor: must be `yes` or `no`")  # noqa: TRY004 the value of a file, not of a call
    if not isinstance(properties, list) or not properties:
        raise ValueError(f"{where}.properties: must be a list of `name` and optionally `direction`")
    return CompositeIndex(
        kind, tuple(_sort(item, f"{where}.properties[{at}]") for at, item in enumerate(properties)), ancestor
    )


def _sort(item: object, where: str) -> Sort:
    if not isinstance(item, dict) or set(item) - {"name", "direction"} or not isinstance(item.get("name"), str):
        raise ValueError(f"{where}: expected `name` and optionally `direction`")
    direction = item.get("direction", "asc")
    if direction not in _DIRECTIONS:
        raise ValueError(f"{where}.direction: must be `asc` or `desc`, not {direction!r}")
    return Sort(item["name"], _DIRECTIONS[direction])
