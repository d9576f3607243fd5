from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from functions.pages.calls import TRAIL, Paging


def at(parameters: dict[str, str | list[str]] | None, next_token: str | None) -> Paging:
    """The page that the address with these parameters shows."""
    assert parameters is not None
    trail = parameters.get("trail", [])
    token = parameters.get("page_token") or None
    assert isinstance(trail, list)
    assert token is None or isinstance(token, str)
    return Paging(token=token, trail=tuple(trail), next_token=next_token, kept={})


@given(st.integers(1, 3 * TRAIL))
def test_going_back_retraces_the_last_pages(depth: int) -> None:
    """As many as are remembered come back in turn, with the addresses that they had; then only Newest is left."""
    pages = [Paging(token=None, trail=(), next_token="t1", kept={})]
    for number in range(1, depth + 1):
        pages.append(at(pages[-1].older, f"t{number + 1}"))

    back = pages[-1]
    for page in reversed(pages[-1 - min(depth, TRAIL) : -1]):
        back = at(back.newer, page.next_token)
        assert back.token == page.token

    assert back.newer is None
    assert back.is_first == (depth <= TRAIL)


def test_what_was_asked_goes_along() -> None:
    """Filter and size stay the same from page to page."""
    kept = {"filter": "company:Acme", "page_size": "2"}
    paging = Paging(token="t1", trail=("first",), next_token="t2", kept=kept)

    for parameters in (paging.newest, paging.newer, paging.older):
        assert parameters is not None
        assert parameters.items() >= kept.items()


def test_the_last_page_has_nothing_older() -> None:
    """Without a next token there is no link."""
    assert Paging(token="t1", trail=("first",), next_token=None, kept={}).older is None
