"""Finding a selection's rows through the index tables.

Each conjunction is one SQL join over `entry`, driven by the rarest condition, or by the index of the first sort
property where no condition is rare: then rows come out sorted, and reading stops at the limit. The other conditions
are single look-ups per candidate. A conjunction's rows come in the query's order; several are merged.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.local.datastore.query import EVERYTHING
from deploy.local.datastore.storage import Storage, changed_since, entity_now
from deploy.local.datastore.values import KEY_PROPERTY, index_entries
from deploy.local.datastore.wire import Entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deploy.local.datastore.cursors import Position
    from deploy.local.datastore.query import Conjunction, Intervals, Row, Selection
    from deploy.local.datastore.storage import Stored

_RARE = 1000  # candidates worth sorting rather than walking the sorted index for a limited result
_RARE_UNLIMITED = 50_000
_INDEX_ORDER = ("value", "path")  # within one property; a comparison with both is a seek


@dataclass(frozen=True)
class Snapshot:
    """A state of the database: the connection's present, or an earlier version."""

    storage: Storage
    connection: sqlite3.Connection
    version: int | None = None  #: None: the present


@dataclass
class _Source:
    """One table of the join with the conditions on it."""

    table: str
    alias: str
    conditions: list[str] = field(default_factory=list)
    parameters: list[object] = field(default_factory=list)

    def estimate(self, connection: sqlite3.Connection, most: int) -> int:
        """How many rows meet the conditions, counted up to *most*."""
        where = " AND ".join(self.conditions)
        counted: int = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {self.table} AS {self.alias} WHERE {where} LIMIT {most})",  # noqa: S608 parameters are bound
            self.parameters,
        ).fetchone()[0]
        return counted


@dataclass(frozen=True)
class Join:
    """A conjunction as SQL; without SQL it cannot match."""

    tables: str
    parameters: tuple[object, ...]
    columns: tuple[str | None, ...]  #: the SQL name of each column; None where the value is constant
    constants: tuple[bytes | None, ...]

    def count(self, connection: sqlite3.Connection, limit: int | None) -> int:
        """The number of rows, up to *limit*."""
        bound = "" if limit is None else f" LIMIT {limit}"
        counted: int = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {self.tables}{bound})",  # noqa: S608 parameters are bound
            self.parameters,
        ).fetchone()[0]
        return counted

    def rows(self, connection: sqlite3.Connection, selection: Selection, start: Position | None) -> Iterator[Row]:
        """The rows in order, those far before *start* left out."""
        order = ", ".join(
            f"{name} DESC" if column.descending else name
            for name, column in zip(self.columns, selection.columns, strict=True)
            if name
        )
        condition, bounds = self._lower_bound(selection, start)
        wanted = ", ".join(name or "?" for name in self.columns)
        constants = [value for value in self.constants if value is not None]
        return iter(
            connection.execute(
                f"SELECT {wanted} FROM {self.tables}{condition} ORDER BY {order}",  # noqa: S608 parameters are bound
                (*constants, *self.parameters, *bounds),
            )
        )

    def _lower_bound(self, selection: Selection, start: Position | None) -> tuple[str, tuple[bytes, ...]]:
        """A condition that spares reading what surely lies before *start*; the caller sifts the rest exactly."""
        if start is None or any(self.constants):
            return "", ()
        names = [name for name in self.columns if name]
        one_direction = len({column.descending for column in selection.columns}) == 1
        if not one_direction or len(names) != len(_INDEX_ORDER):
            names = names[:1]
        sign = "<=" if selection.columns[0].descending else ">="
        return f" AND ({', '.join(names)}) {sign} ({', '.join('?' * len(names))})", start.row[: len(names)]


def rows_in_order(
    snapshot: Snapshot, selection: Selection, *, start: Position | None = None, limited: bool = True
) -> Iterator[Row]:
    """The results' rows in order, each result once, from *start* on; *limited* when only the first are likely read."""
    changed = _changed(snapshot, selection)
    streams: list[Iterable[Row]] = []
    for conjunction in selection.conjunctions:
        join = plan(snapshot, selection, conjunction, limited=limited)
        if join is not None:
            streams.append(join.rows(snapshot.connection, selection, start))
    if changed:
        key_at = selection.key_at
        streams = [filter(lambda row: row[key_at] not in changed, stream) for stream in streams]
        then = (row for path, stored in changed.items() if stored for row in rows_of_stored(selection, path, stored))
        streams.append(sorted(then, key=selection.sort_key))
    merged: Iterator[Row] = iter(streams[0]) if len(streams) == 1 else heapq.merge(*streams, key=selection.sort_key)
    if start is not None:
        merged = _from(selection, merged, start)
    return _once_each(snapshot, selection, changed, merged, resumed=start is not None)


def plan(snapshot: Snapshot, selection: Selection, conjunction: Conjunction, *, limited: bool) -> Join | None:
    """Choose how to run a conjunction; None when some property has no index entries at all."""
    ids: dict[str, int | None] = {}
    columns = [column.name for column in selection.columns if column.name != KEY_PROPERTY]
    for name in (*columns, *(name for name, _ in conjunction.equalities)):
        ids[name] = snapshot.storage.property_id(snapshot.connection, selection.partition, selection.kind or "", name)
    if None in ids.values():
        return None
    equal = [
        _Source("entry", f"e{at}", [f"e{at}.property = ?", f"e{at}.value = ?"], [ids[name], value])
        for at, (name, value) in enumerate(conjunction.equalities)
    ]
    ranged = {
        name: _column_source(f"c{at}", ids[name], conjunction.range_of.get(name))
        for at, name in enumerate(columns)
        if name not in conjunction.constants
    }
    driver = _driver(snapshot, selection, conjunction, equal, ranged, limited=limited)
    return _join(selection, conjunction, driver, [*equal, *ranged.values()], ranged)


def rows_of_stored(selection: Selection, path: bytes, stored: Stored) -> list[Row]:
    """The rows that a state of an entity yields."""
    return selection.rows_of(path, index_entries(Entity.FromString(stored.data)))


def has_changed(snapshot: Snapshot, selection: Selection) -> bool:
    """Whether the present differs from the snapshot for entities of the selection's kind."""
    return bool(_changed(snapshot, selection))


def _changed(snapshot: Snapshot, selection: Selection) -> dict[bytes, Stored | None]:
    if snapshot.version is None:
        return {}
    return changed_since(snapshot.connection, selection.partition, selection.kind, snapshot.version)


def _column_source(alias: str, property_id: int | None, intervals: Intervals | None) -> _Source:
    source = _Source("entry", alias, [f"{alias}.property = ?"], [property_id])
    if intervals:
        _restrict(source, f"{alias}.value", intervals)
    return source


def _entities(selection: Selection) -> _Source:
    source = _Source("entity", "k", ["k.partition = ?"], [selection.partition.id])
    if selection.kind is not None:
        source.conditions.append("k.kind = ?")
        source.parameters.append(selection.kind)
    return source


def _driver(
    snapshot: Snapshot,
    selection: Selection,
    conjunction: Conjunction,
    equal: list[_Source],
    ranged: dict[str, _Source],
    *,
    limited: bool,
) -> _Source:
    """The source to walk: a rare condition, else the index that is sorted as the result is, else the entities."""
    everywhere = conjunction.paths == (EVERYTHING,)
    for source in equal:  # within one value, index entries are in the order of paths
        if not everywhere:
            _restrict(source, f"{source.alias}.path", conjunction.paths)
    sorted_by = next((name for c in selection.columns if (name := c.name) not in conjunction.constants), KEY_PROPERTY)
    walk = ranged.get(sorted_by)
    narrow = [*equal, *(ranged[name] for name in conjunction.range_of if name in ranged)]
    if not everywhere and (ranged or not equal):
        entities = _entities(selection)
        _restrict(entities, "k.path", conjunction.paths)
        narrow.append(entities)
    if not narrow:
        return walk or _entities(selection)
    if len(narrow) == 1 and (walk is None or walk is narrow[0]):
        return narrow[0]
    most = _RARE if limited else _RARE_UNLIMITED
    estimates = [source.estimate(snapshot.connection, most) for source in narrow]
    least = min(estimates)
    return walk if least >= most and walk is not None else narrow[estimates.index(least)]


def _join(
    selection: Selection,
    conjunction: Conjunction,
    driver: _Source,
    sources: list[_Source],
    ranged: dict[str, _Source],
) -> Join:
    path = f"{driver.alias}.path"
    if any(driver is source for source in ranged.values()):
        _restrict(driver, path, conjunction.paths)
    others = [source for source in sources if source is not driver]
    for source in others:
        source.conditions.append(f"{source.alias}.path = {path}")
    joined = [driver, *others]
    # CROSS JOIN keeps SQLite from choosing another order.
    tables = " CROSS JOIN ".join(f"{source.table} AS {source.alias}" for source in joined)
    where = " AND ".join(condition for source in joined for condition in source.conditions)
    names = {name: f"{source.alias}.value" for name, source in ranged.items()} | {KEY_PROPERTY: path}
    return Join(
        tables=f"{tables} WHERE {where}",
        parameters=tuple(parameter for source in joined for parameter in source.parameters),
        columns=tuple(names.get(column.name) for column in selection.columns),
        constants=tuple(conjunction.constants.get(column.name) for column in selection.columns),
    )


def _restrict(source: _Source, column: str, intervals: Intervals) -> None:
    """Add to *source* that *column* lies in *intervals*, the range that spans them all first: it can use the index."""
    lowest, highest = intervals[0][0], intervals[-1][1]
    for sign, bound, trivial in ((">=", lowest, EVERYTHING[0]), ("<", highest, EVERYTHING[1])):
        if bound != trivial:
            source.conditions.append(f"{column} {sign} ?")
            source.parameters.append(bound)
    if len(intervals) > 1:
        source.conditions.append("(" + " OR ".join([f"{column} >= ? AND {column} < ?"] * len(intervals)) + ")")
        source.parameters.extend(bound for interval in intervals for bound in interval)


def _from(selection: Selection, rows: Iterator[Row], start: Position) -> Iterator[Row]:
    sort_key = selection.sort_key
    at = sort_key(start.row)
    if start.behind:
        return itertools.dropwhile(lambda row: sort_key(row) <= at, rows)
    return itertools.dropwhile(lambda row: sort_key(row) < at, rows)


def _once_each(
    snapshot: Snapshot,
    selection: Selection,
    changed: dict[bytes, Stored | None],
    rows: Iterator[Row],
    *,
    resumed: bool,
) -> Iterator[Row]:
    """Leave out the further rows of a result; behind a cursor, also those whose first row lies before it."""
    if len(selection.conjunctions) <= 1 and (len(selection.columns) == 1 or selection.counts_rows):
        return rows
    return _first_rows(snapshot, selection, changed, rows, resumed=resumed)


def _first_rows(
    snapshot: Snapshot,
    selection: Selection,
    changed: dict[bytes, Stored | None],
    rows: Iterator[Row],
    *,
    resumed: bool,
) -> Iterator[Row]:
    seen: set[object] = set()
    for row in rows:
        identity = selection.identity(row)
        if identity in seen:
            continue
        seen.add(identity)
        path = row[selection.key_at]
        if resumed and path not in changed:
            stored = entity_now(snapshot.connection, selection.partition, path)
            if stored is None or row not in rows_of_stored(selection, path, stored):
                continue
        yield row
