import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.engine.analysis.analytics import Talk, analytics, intersection, shares, union
from deploy.engine.analysis.heard import Span, total

SPANS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 20)).map(lambda p: (float(p[0]), float(p[0] + p[1])))
).map(union)


def test_talk_silence_and_overlap_of_two_speakers() -> None:
    talks = [Talk(((0.0, 4.0), (6.0, 8.0)), 12), Talk(((3.0, 5.0),), 5)]
    assert analytics(talks, 10.0) == [
        {"type": "total_silence", "percent": 30.0, "seconds": 3.0},
        {"type": "total_talk_time", "percent": 70.0, "seconds": 7.0},
        {"type": "total_overlap", "percent": 10.0, "seconds": 1.0},
    ]


def test_each_ones_share_is_of_all_talk() -> None:
    found = shares({"a": Talk(((0.0, 6.0),), 15), "b": Talk(((6.0, 8.0),), 5)})
    assert found["a"]["talkTime"] == {"percentage": 75.0, "seconds": 6.0}
    assert found["a"]["listenTime"] == {"percentage": 25.0, "seconds": 2.0}
    assert found["a"]["pace"] == {"wpm": 150}
    assert found["a"]["overlap"] == {}


def test_who_never_speaks_has_no_pace() -> None:
    assert shares({"a": Talk((), 0)})["a"]["pace"] == {"wpm": 0}


@given(left=SPANS, right=SPANS)
def test_together_and_apart_add_up(left: tuple[Span, ...], right: tuple[Span, ...]) -> None:
    """Both sides' lengths are their union's plus their intersection's."""
    assert total(left) + total(right) == pytest.approx(total(union([*left, *right])) + total(intersection(left, right)))
    assert intersection(left, right) == intersection(right, left)
