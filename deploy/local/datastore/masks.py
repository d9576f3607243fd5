"""Property paths: `a.b` is property b of the entity in property a; dots and backslashes in names are escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.local.datastore.errors import invalid
from deploy.local.datastore.values import KEY_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from deploy.local.datastore.wire import Entity, PropertyMask, Value

_SEGMENT = re.compile(r"((?:[^.\\]|\\.)+)(?:\.|$)", re.DOTALL)

Tree = dict[str, "Tree | None"]


def split_path(path: str) -> list[str]:
    """The names along a property path."""
    segments, at = [], 0
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None:
            break
        segments.append(re.sub(r"\\(.)", r"\1", match[1]))
        at = match.end()
    if not segments or at < len(path) or path.endswith("."):
        raise invalid(f'The property path "{path}" is invalid.')
    return segments


class Mask:
    """The properties that a read returns or a write touches."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._tree: Tree = {}
        for path in paths:
            if path != KEY_PROPERTY:
                _grow(self._tree, split_path(path))

    @classmethod
    def of(cls, mask: PropertyMask) -> Mask:
        """The mask of a request."""
        return cls(mask.paths)

    def reduce(self, entity: Entity) -> None:
        """Remove from *entity* all that the mask does not name."""
        _reduce(entity.properties, self._tree)

    def overwrite(self, target: Entity, source: Entity) -> None:
        """Bring what the mask names in *target* to its state in *source*, absence included."""
        _overwrite(target.properties, source.properties, self._tree)


def _grow(tree: Tree, names: list[str]) -> None:
    for name in names[:-1]:
        branch = tree.setdefault(name, {})
        if branch is None:  # the whole of it is already named
            return
        tree = branch
    tree[names[-1]] = None


def _reduce(properties: MutableMapping[str, Value], tree: Tree) -> None:
    for name in list(properties):
        branch = tree.get(name, {})
        if branch is None:
            continue
        if branch and properties[name].WhichOneof("value_type") == "entity_value":
            _reduce(properties[name].entity_value.properties, branch)
        else:
            del properties[name]


def _overwrite(target: MutableMapping[str, Value], source: MutableMapping[str, Value], tree: Tree) -> None:
    for name, branch in tree.items():
        given = source.get(name)
        if branch is None or given is None or given.WhichOneof("value_type") != "entity_value":
            if name in target:
                del target[name]
            if branch is None and given is not None:
                target[name].CopyFrom(given)
        else:
            _overwrite(target[name].entity_value.properties, given.entity_value.properties, branch)
