from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.model.versions import version_of

answers = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=4
)


@given(answers)
def test_the_order_of_members_is_no_other_version(answer: dict[str, object]) -> None:
    """What is the same has the same version, however it was put together."""
    assert version_of(dict(reversed(answer.items()))) == version_of(answer)


@given(answers, answers)
def test_another_value_has_another_version(one: dict[str, object], other: dict[str, object]) -> None:
    """True is not 1, and null is not missing."""
    same = repr(sorted(one.items(), key=repr)) == repr(sorted(other.items(), key=repr))
    assert (version_of(one) == version_of(other)) is same
