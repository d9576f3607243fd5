"""Applying the mutations of one commit, in order, to entities and their index entries."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grpc import StatusCode

from deploy.local.datastore import limits
from deploy.local.datastore.errors import RefusedError, failed_precondition, invalid
from deploy.local.datastore.masks import Mask, split_path
from deploy.local.datastore.results import fill_partition
from deploy.local.datastore.storage import Partition, Stored, entity_now, is_taken
from deploy.local.datastore.values import encode_path, encode_value, index_entries, timestamp_micros
from deploy.local.datastore.wire import Entity, Key, Mutation, MutationResult, PropertyTransform, Value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from deploy.local.datastore.indexes import CompositeIndex
    from deploy.local.datastore.storage import Write
    from deploy.local.datastore.values import Entries

_FORBIDDEN = {("insert", "insert"), ("update", "insert"), ("upsert", "insert"), ("delete", "update")}
_MAX_ID = 2**53  # allocated ids stay exact in a double, as in production
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


@dataclass
class _Target:
    """One entity that the commit touches."""

    partition: Partition
    path: bytes
    kind: str
    before: Stored | None
    now: Entity | None
    created: int
    operation: str | None = None  #: the last one applied

    @property
    def unchanged(self) -> bool:
        """Whether the entity is what it was before the commit, or absent as before."""
        if self.before is None or self.now is None:
            return self.before is None and self.now is None
        unchanged: bool = Entity.FromString(self.before.data) == self.now
        return unchanged


class Mutator:
    """Collects the effect of a commit's mutations, then writes it once for each entity."""

    def __init__(
        self,
        write: Write,
        partition_of: Callable[[Key], Partition],
        composites: Callable[[str], Iterable[CompositeIndex]],
        *,
        transactional: bool,
    ) -> None:
        self._write = write
        self._partition_of = partition_of
        self._composites = composites
        self._transactional = transactional
        self._targets: dict[tuple[int, bytes], _Target] = {}
        self._index_updates = 0

    def apply(self, mutation: Mutation) -> MutationResult:
        """Apply one mutation, to be written by `finish`.

        Raises:
            RefusedError: the whole commit fails.
        """
        operation = mutation.WhichOneof("operation")
        if operation is None:
            raise invalid("Mutation is missing operation.")
        result = MutationResult(version=self._write.version)
        given = Entity(key=mutation.delete) if operation == "delete" else getattr(mutation, operation)
        target = self._target(given, operation, result)
        if self._conflicts(mutation, target):
            if mutation.conflict_resolution_strategy == Mutation.FAIL:
                stored = target.before.version if target.before else 0
                raise failed_precondition(
                    f"the stored version ({stored}) does not match the required base version ({mutation.base_version})"
                )
            result.conflict_detected = True
            result.version = target.before.version if target.before else self._write.version
            return result
        self._check_existence(operation, target, given.key)
        target.operation = operation
        if operation == "delete":
            target.now = None
            target.created = self._write.version
            return result
        target.now = self._written(mutation, given, target, result)
        if target.before is not None and target.unchanged:  # a write that changes nothing is none
            result.version = target.before.version
        result.create_time.FromMicroseconds(target.created)
        result.update_time.FromMicroseconds(result.version)
        return result

    def finish(self) -> int:
        """Write everything; the number of index entries that changed."""
        for target in self._targets.values():
            if not target.unchanged:
                self._store(target)
        return self._index_updates

    def _target(self, given: Entity, operation: str, result: MutationResult) -> _Target:
        partition = self._partition_of(given.key)
        incomplete = bool(given.key.path) and given.key.path[-1].WhichOneof("id_type") is None
        if incomplete and operation in {"insert", "upsert"}:
            given.key.CopyFrom(allocate_id(self._write.connection, partition, given.key))
            fill_partition(given.key, partition)
            result.key.CopyFrom(given.key)
        limits.check_key(given.key, complete=True)
        path = encode_path(given.key)
        target = self._targets.get((partition.id, path))
        if target is None:
            before = entity_now(self._write.connection, partition, path)
            target = self._targets[partition.id, path] = _Target(
                partition=partition,
                path=path,
                kind=given.key.path[-1].kind,
                before=before,
                now=Entity.FromString(before.data) if before else None,
                created=before.created if before else self._write.version,
            )
        elif not self._transactional:
            raise invalid("A non-transactional commit may not contain multiple mutations affecting the same entity.")
        elif (target.operation, operation) in _FORBIDDEN:
            raise invalid(f"Cannot {target.operation} then {operation} an entity in the same request.")
        return target

    def _conflicts(self, mutation: Mutation, target: _Target) -> bool:
        """Whether the entity is not what the mutation was made for."""
        strategy = mutation.WhichOneof("conflict_detection_strategy")
        if strategy is None:
            return False
        wanted = mutation.base_version if strategy == "base_version" else timestamp_micros(mutation.update_time)
        if target.before is not None:
            return target.before.version != wanted
        # Absent: fine if it was so at the base version. 0 stands for "never existed"; an update time, for existence.
        return strategy == "update_time" or _deleted_after(self._write.connection, target, wanted)

    def _check_existence(self, operation: str, target: _Target, key: Key) -> None:
        if operation == "insert" and target.now is not None:
            raise RefusedError(StatusCode.ALREADY_EXISTS, f"entity already exists: [{limits.shown(key)}]")
        if operation == "update" and target.now is None:
            raise RefusedError(StatusCode.NOT_FOUND, f"no entity to update: [{limits.shown(key)}]")

    def _written(self, mutation: Mutation, given: Entity, target: _Target, result: MutationResult) -> Entity:
        if mutation.HasField("property_mask") and target.now is not None:
            entity = Entity()
            entity.CopyFrom(target.now)
            Mask.of(mutation.property_mask).overwrite(entity, given)
        elif mutation.HasField("property_mask"):
            entity = Entity(key=given.key)
            Mask.of(mutation.property_mask).overwrite(entity, given)
        else:
            entity = given
        if len(mutation.property_transforms) > limits.TRANSFORMS:
            raise invalid(f"At most {limits.TRANSFORMS} property transforms are allowed per entity.")
        for transform in mutation.property_transforms:
            result.transform_results.append(_transform(entity, transform, self._write.version))
        fill_partition(entity.key, target.partition)
        limits.check_entity(entity)
        return entity

    def _store(self, target: _Target) -> None:
        old = index_entries(Entity.FromString(target.before.data)) if target.before else {}
        new = index_entries(target.now) if target.now is not None else {}
        after = None
        if target.now is not None:
            limits.check_index_entries(new, self._composites(target.kind))
            after = Stored(self._write.version, target.created, target.now.SerializeToString())
        removed, added = self._rows(target, old, new), self._rows(target, new, old)
        self._write.remove_entries(removed)
        self._write.add_entries(added)
        self._write.replace(target.partition, target.path, target.kind, target.before, after)
        self._index_updates += len(removed) + len(added)

    def _rows(self, target: _Target, entries: Entries, others: Entries) -> list[tuple[int, bytes, bytes]]:
        """The index rows for what *entries* has and *others* has not."""
        rows = []
        for name, values in entries.items():
            fresh = set(values).difference(others.get(name, ()))
            if fresh:
                number = self._write.property_id(target.partition, target.kind, name)
                rows += [(number, value, target.path) for value in values if value in fresh]
        return rows


def allocate_id(connection: sqlite3.Connection, partition: Partition, key: Key) -> Key:
    """*key* completed with an id that is free."""
    completed = Key()
    completed.CopyFrom(key)
    limits.check_key(completed, complete=False)
    while True:
        completed.path[-1].id = 1 + secrets.randbelow(_MAX_ID - 1)
        if not is_taken(connection, partition, encode_path(completed)):
            return completed


def _deleted_after(connection: sqlite3.Connection, target: _Target, version: int) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM history WHERE partition = ? AND path = ? AND until > ? LIMIT 1",
            (target.partition.id, target.path, version),
        ).fetchone()
        is not None
        and version != 0
    )


# Property transforms ---------------------------------------------------------------------------------------------


def _transform(entity: Entity, transform: PropertyTransform, now: int) -> Value:
    """Change one property in place; the result goes into the answer."""
    *parents, name = split_path(transform.property)
    properties = entity.properties
    for parent in parents:
        properties = properties[parent].entity_value.properties
    kind = transform.WhichOneof("transform_type")
    if kind is None:
        raise invalid(f'The transform of property "{transform.property}" has no type.')
    if kind in {"append_missing_elements", "remove_all_from_array"}:
        given = list(getattr(transform, kind).values)
        _change_array(properties[name], given, append=kind == "append_missing_elements")
        return Value(null_value=0)
    if kind == "set_to_server_value":
        if transform.set_to_server_value != PropertyTransform.REQUEST_TIME:
            raise invalid(f'The transform of property "{transform.property}" names no server value.')
        changed = Value()
        changed.timestamp_value.FromMilliseconds(now // 1000)
    else:
        changed = _arithmetic(kind, properties.get(name), getattr(transform, kind), transform.property)
    properties[name].CopyFrom(changed)
    return changed


def _arithmetic(kind: str, current: Value | None, operand: Value, name: str) -> Value:
    given = _number(operand)
    if given is None:
        raise invalid(f'The {kind} of property "{name}" must be an integer or a double.')
    stored = _number(current) if current is not None else None
    if stored is None:
        return operand
    if kind == "increment":
        number = stored + given
        if isinstance(number, int):
            number = min(max(number, _INT64_MIN), _INT64_MAX)
    elif math.isnan(stored) or math.isnan(given):
        number = math.nan
    elif kind == "maximum":
        number = max(stored, given)
    else:
        number = min(stored, given)
    return Value(integer_value=number) if isinstance(number, int) else Value(double_value=number)


def _number(value: Value) -> int | float | None:
    which = value.WhichOneof("value_type")
    return getattr(value, which) if which in {"integer_value", "double_value"} else None


def _change_array(value: Value, given: list[Value], *, append: bool) -> None:
    present = list(value.array_value.values) if value.WhichOneof("value_type") == "array_value" else []
    copies = [Value.FromString(element.SerializeToString()) for element in present]
    wanted = {_equivalence(element) for element in given}
    if append:
        known = {_equivalence(element) for element in copies}
        for element in given:
            if (same := _equivalence(element)) not in known:
                known.add(same)
                copies.append(element)
    else:
        copies = [element for element in copies if _equivalence(element) not in wanted]
    value.ClearField("exclude_from_indexes")
    value.array_value.ClearField("values")
    value.array_value.values.extend(copies)
    value.array_value.SetInParent()


def _equivalence(value: Value) -> object:
    """Equal for values that a transform takes for the same: 3 and 3.0 are, NaN and NaN too."""
    number = _number(value)
    if number is not None:
        return "nan" if math.isnan(number) else number
    if value.WhichOneof("value_type") == "entity_value":
        return value.entity_value.SerializeToString(deterministic=True)
    return encode_value(value)
