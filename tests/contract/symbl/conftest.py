from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.symbl_stand_in import SymblStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def symbl() -> Iterator[SymblStandIn]:
    stand_in = SymblStandIn()
    yield stand_in
    stand_in.close()
