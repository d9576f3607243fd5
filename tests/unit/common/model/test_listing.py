"""The parameters of a list: known ones only, and a token that belongs to its query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.lifecycle import JobStatus
from common.model.listing import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, list_query, page_token


def test_nothing_given_is_everything_newest_first() -> None:
    """A page of the usual size."""
    query = list_query({})

    assert (query.company, query.status, query.newest_first, query.size) == (None, None, True, DEFAULT_PAGE_SIZE)


def test_filter_order_and_size_are_read() -> None:
    """Names with spaces in quotes; a larger page than there is becomes the largest."""
    query = list_query({"filter": ' company:"Acme Ltd"  status:failed ', "order_by": "created_at  asc",
                        "page_size": "5000"})  # fmt: skip

    assert (query.company, query.status, query.newest_first, query.size) == (
        "Acme Ltd",
        JobStatus.FAILED,
        False,
        MAX_PAGE_SIZE,
    )


@pytest.mark.parametrize(
    ("filter_", "column"),
    [("acme", 1), ('company:"Acme', 1), ("company:Acme or status:failed", 14), ('company:""', 1), ("company:", 1)],
)
def test_a_filter_that_is_not_understood_says_where(filter_: str, column: int) -> None:
    """It is never read as another one."""
    with pytest.raises(Rejected, match=f"column {column}:"):
        list_query({"filter": filter_})


def test_a_token_leads_on_in_its_own_query_only() -> None:
    """Another filter or order refuses it."""
    given_ = {"filter": "status:failed"}
    token = page_token("cursor", list_query(given_))

    assert list_query({**given_, "page_token": token, "page_size": "3"}).cursor == "cursor"
    for other in ({}, {**given_, "order_by": "created_at"}):
        with pytest.raises(Rejected, match="belongs to another"):
            list_query({**other, "page_token": token})


@given(
    st.dictionaries(st.sampled_from(["filter", "order_by", "page_size", "page_token", "sort"]), st.text(max_size=30))
)
def test_any_parameters_are_either_read_or_refused_by_name(given_: dict[str, str]) -> None:
    """Never another error."""
    try:
        query = list_query(given_)
    except Rejected as rejected:
        assert {problem.field for problem in rejected.problems} <= set(given_)  # noqa: PT017
    else:
        assert 1 <= query.size <= MAX_PAGE_SIZE
