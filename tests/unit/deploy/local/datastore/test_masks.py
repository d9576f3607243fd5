from __future__ import annotations

import pytest
from google.cloud.datastore.helpers import entity_from_protobuf, entity_to_protobuf

from deploy.local.datastore.errors import RefusedError
from deploy.local.datastore.masks import Mask, split_path
from tests.contract.datastore.asking import entity


@pytest.mark.parametrize(
    ("path", "names"), [("a", ["a"]), ("a.b", ["a", "b"]), (r"a\.b.c", ["a.b", "c"]), (r"a\\.b", ["a\\", "b"])]
)
def test_dots_part_a_path_unless_escaped(path: str, names: list[str]) -> None:
    assert split_path(path) == names


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_an_empty_name_in_a_path_is_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="property path"):
        split_path(path)


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        (["x"], {"x": 1}),
        (["inner.a"], {"inner": {"a": 1}}),
        (["inner", "inner.a"], {"inner": {"a": 1, "b": 2}}),
        (["x.y", "nothing"], {}),
        (["__key__"], {}),
    ],
    ids=str,
)
def test_a_mask_keeps_what_it_names(paths: list[str], kept: dict[str, object]) -> None:
    """At any depth, and no more."""
    message = entity_to_protobuf(entity(None, x=1, inner=entity(None, a=1, b=2)))._pb

    Mask(paths).reduce(message)

    found = entity_from_protobuf(message)
    assert {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()} == kept
