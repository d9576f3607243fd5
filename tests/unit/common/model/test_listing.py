"""The parameters of a list: known ones only, and a token that belongs to its query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Rejected
from common.model.listing import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, ListQuery, list_query, page_token
from common.model.search.grammar import QueryError
from common.model.search.query import EVERYTHING, Equals, Facet, conditions
from tests.factories import NOW


def asked(given_: dict[str, str]) -> ListQuery:
    return list_query(given_, now=NOW)


def test_nothing_given_is_everything_newest_first() -> None:
    """A page of the usual size."""
    query = asked({})

    assert (query.asked, query.order, query.size) == (EVERYTHING, "started_at desc", DEFAULT_PAGE_SIZE)


def test_filter_order_and_size_are_read() -> None:
    """Names with spaces in quotes; a larger page than there is becomes the largest."""
    query = asked({"filter": ' company:"Acme Ltd"  status:failed ', "order_by": "created_at  asc", "page_size": "5000"})

    assert set(conditions(query.asked)) == {Equals(Facet.COMPANY, "Acme Ltd"), Equals(Facet.STATUS, "failed")}
    assert (query.order, query.size) == ("created_at asc", MAX_PAGE_SIZE)


@pytest.mark.parametrize(
    ("filter_", "column"),
    [("compny:acme", 1), ('company:"Acme', 9), ("company:Acme AND", 17), ("status:bad", 8), ("company:", 9)],
)
def test_a_filter_that_is_not_understood_says_where(filter_: str, column: int) -> None:
    """It is never read as another one."""
    with pytest.raises(QueryError) as refused:
        asked({"filter": filter_})
    assert refused.value.column == column


def test_a_token_leads_on_in_its_own_query_only() -> None:
    """Another filter or order refuses it."""
    given_ = {"filter": "status:failed"}
    token = page_token("end", asked(given_))

    assert asked({**given_, "page_token": token, "page_size": "3"}).after == "end"
    assert asked({"filter": 'status = "failed"', "page_token": token}).after == "end"
    for other in ({}, {**given_, "order_by": "created_at"}):
        with pytest.raises(Rejected, match="belongs to another"):
            asked({**other, "page_token": token})


@given(
    st.dictionaries(st.sampled_from(["filter", "order_by", "page_size", "page_token", "sort"]), st.text(max_size=30))
)
def test_any_parameters_are_either_read_or_refused_by_name(given_: dict[str, str]) -> None:
    """Never another error."""
    try:
        query = asked(given_)
    except Rejected as rejected:
        assert {problem.field for problem in rejected.problems} <= set(given_)  # noqa: PT017
    else:
        assert 1 <= query.size <= MAX_PAGE_SIZE
