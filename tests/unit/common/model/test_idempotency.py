"""Calls under a key: who may do the work, who gets the answer, and who is told to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.errors import Rejected
from common.model.idempotency import (
    KEPT_FOR,
    LEASE,
    IdempotentCall,
    KeptAnswer,
    KeyInUse,
    KeyReused,
    answered,
    begun,
    checked_key,
)
from tests.factories import NOW

ANSWER = KeptAnswer(status=201, content_type="application/json", body=b"x")


def test_the_lease_is_shorter_than_the_memory() -> None:
    """Else a killed call could block its key for as long as it is remembered."""
    assert LEASE * 2 < KEPT_FOR


def test_another_call_is_told_so_even_while_the_first_is_under_way() -> None:
    """It will never get an answer under this key: waiting would be in vain."""
    first = begun(None, fingerprint="a", holder="1", now=NOW)

    with pytest.raises(KeyReused):
        begun(first, fingerprint="b", holder="2", now=NOW)


@pytest.mark.parametrize("key", ["", " ", "a b", "\x7f", "ä", "x" * 256])
def test_a_key_is_visible_ascii(key: str) -> None:
    """1 to 255 characters of it."""
    with pytest.raises(Rejected, match="Idempotency-Key"):
        checked_key(key)
    assert checked_key("!~" + "x" * 253)


class OneKey(RuleBasedStateMachine):
    """Callers who send one call under one key again and again, are killed, or answer late."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.row: IdempotentCall | None = None
        self.working: dict[str, object] = {}  #: holder: since when
        self.first_answer: KeptAnswer | None = None
        self.count = 0

    @rule()
    def sent(self) -> None:
        self.count += 1
        holder = str(self.count)
        try:
            after = begun(self.row, fingerprint="a", holder=holder, now=self.now)
        except KeyInUse:
            assert self.row is not None
            assert self.row.leased_until > self.now
            return
        if after.answer is not None:
            assert after.answer == self.first_answer
            return
        assert after.holder == holder
        if self.row is None or self.row.expires_at <= self.now:
            self.first_answer = None
        self.row = after
        self.working[holder] = self.now

    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        if not self.working:
            return
        holder = data.draw(st.sampled_from(sorted(self.working)))
        del self.working[holder]
        answer = KeptAnswer(status=201, content_type="application/json", body=holder.encode())
        after = answered(self.row, holder=holder, answer=answer)
        if after is not None:
            assert self.first_answer is None
            self.row, self.first_answer = after, answer

    @rule(minutes=st.sampled_from([1, 9, 11, 60 * 23, 60 * 25]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def never_blocked_for_longer_than_a_lease(self) -> None:
        if self.row is not None and self.row.answer is None:
            later = max(self.now, self.row.leased_until)
            assert begun(self.row, fingerprint="a", holder="next", now=later).holder == "next"
            assert self.row.leased_until <= self.now + LEASE


TestOneKey = OneKey.TestCase
