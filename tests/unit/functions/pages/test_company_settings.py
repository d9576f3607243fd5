from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.business_ux import BusinessUX
from common.model.company import CompanyDefaults
from functions.pages.company_settings import (
    business_ux_answer,
    business_ux_from,
    defaults_answer,
    defaults_from,
    expect_own_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Callable

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
DEFAULTS_FIELDS = tuple(CompanyDefaults.__dataclass_fields__)
UX_FIELDS = tuple(BusinessUX.__dataclass_fields__)


def rejected_fields(settle: Callable[[], object]) -> list[str] | None:
    """What a rejection names; None where it was taken."""
    try:
        settle()
    except Rejected as error:
        return [problem.field for problem in error.problems]
    return None


@given(st.dictionaries(st.sampled_from(DEFAULTS_FIELDS) | st.text(max_size=10), anything, max_size=5))
def test_defaults_are_taken_whole_or_rejected_by_field(sent: dict[str, Any]) -> None:
    """Whatever JSON comes, it is kept as it is answered, or every problem names a field that was sent."""
    body = json.dumps(sent).encode()
    fields = rejected_fields(lambda: defaults_from("Acme", body))
    if fields is None:
        defaults = defaults_from("Acme", body)
        assert defaults_from("Acme", json.dumps(defaults_answer(defaults)).encode()) == defaults
    else:
        assert fields
        assert all(any(field.startswith(name) for name in sent) for field in fields)


@given(st.dictionaries(st.sampled_from(UX_FIELDS) | st.text(max_size=10), anything, max_size=5))
def test_looks_are_taken_whole_or_rejected_by_field(sent: dict[str, Any]) -> None:
    """The same of how pages look."""
    body = json.dumps(sent).encode()
    fields = rejected_fields(lambda: business_ux_from("Acme", body))
    if fields is None:
        row = business_ux_from("Acme", body)
        assert business_ux_from("Acme", json.dumps(business_ux_answer(row)).encode()) == row
    else:
        assert fields
        assert all(any(field.startswith(name) for name in sent) for field in fields)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.from_regex(r"[a-z.:;,*@/?#\[\]]+"))
@example("crm.example")
@example("[::1]:3000")
def test_an_origin_cannot_carry_another_source(text: str) -> None:
    """What passes as an origin is one token of a policy: no space, quote, semicolon, comma or star."""
    body = json.dumps({"allowed_origins": [f"https://{text}"]}).encode()
    if rejected_fields(lambda: business_ux_from("Acme", body)) is None:
        (origin,) = business_ux_from("Acme", body).allowed_origins
        assert re.fullmatch(r"https://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", origin)


@pytest.mark.parametrize("origin", ["https://crm.example", "https://[::1]:3000", "http://localhost:3000"])
def test_a_plain_origin_is_taken(origin: str) -> None:
    """Host and port, http only on this machine."""
    assert business_ux_from("Acme", json.dumps({"allowed_origins": [origin]}).encode()).allowed_origins == (origin,)


def test_a_prefix_of_nobody_is_free() -> None:
    """A company may have no prefix, its own, or a new one."""
    prefixes = {"calls/": "Acme"}

    for prefix in (None, "calls/", "new/"):
        expect_own_prefix(CompanyDefaults(company="Acme", prefix=prefix), prefixes)
    with pytest.raises(Rejected, match="belongs to 'Acme'"):
        expect_own_prefix(CompanyDefaults(company="Other", prefix="calls/"), prefixes)
