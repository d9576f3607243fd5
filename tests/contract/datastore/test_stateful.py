"""Transactions in any interleaving, against a model that commits them one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from deploy.local.datastore import DatastoreServer
from tests.contract.datastore.asking import count, names, thing
from tests.contract.datastore.test_transactions import Party

State = dict[str, int]

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.integers(0, 2)

QUESTIONS: dict[str, Any] = {
    "equal": lambda client, value: names(client, ("x", "=", value)),
    "above": lambda client, value: names(client, ("x", ">", value)),
    "count": lambda client, value: count(client, ("x", ">=", value)),
    "first": lambda client, value: names(client, ("x", ">=", value), order=["x"], limit=1),
    "all": lambda client, _: names(client),
}
ANSWERS: dict[str, Any] = {
    "equal": lambda state, value: sorted(key for key, x in state.items() if x == value),
    "above": lambda state, value: [key for x, key in sorted((x, key) for key, x in state.items()) if x > value],
    "count": lambda state, value: sum(x >= value for x in state.values()),
    "first": lambda state, value: [key for x, key in sorted((x, key) for key, x in state.items()) if x >= value][:1],
    "all": lambda state, _: sorted(state),
}


@dataclass
class Open:
    """A transaction under way: what it began with, what it asked, what it is going to write."""

    party: Party
    snapshot: State
    began: int
    asked: list[tuple[str, Any]] = field(default_factory=list)
    writes: dict[str, int | None] = field(default_factory=dict)


class Serializability(RuleBasedStateMachine):
    """Reads see the transaction's beginning; a commit succeeds only if they still hold, and then applies whole."""

    transactions: Bundle[Open] = Bundle("transactions")

    def __init__(self) -> None:
        super().__init__()
        self.server = DatastoreServer()
        self.client = self.server.in_process_client("local")
        self.state: State = {}
        self.commits = 0

    def teardown(self) -> None:
        self.server.stop()

    @rule(target=transactions)
    def begin(self) -> Open:
        return Open(Party(self.client), dict(self.state), self.commits)

    @rule(transaction=transactions, key=KEYS)
    def get(self, transaction: Open, key: str) -> None:
        found = transaction.party.get(key)
        assert (found["x"] if found else None) == transaction.snapshot.get(key)
        transaction.asked.append(("get", key))

    @rule(transaction=transactions, question=st.sampled_from(sorted(QUESTIONS)), value=VALUES)
    def ask(self, transaction: Open, question: str, value: int) -> None:
        found = transaction.party.ask(lambda client: QUESTIONS[question](client, value))
        assert found == ANSWERS[question](transaction.snapshot, value)
        transaction.asked.append((question, value))

    @rule(transaction=transactions, key=KEYS, value=VALUES)
    def put(self, transaction: Open, key: str, value: int) -> None:
        transaction.party.put(key, x=value)
        transaction.writes[key] = value

    @rule(transaction=transactions, key=KEYS)
    def delete(self, transaction: Open, key: str) -> None:
        transaction.party.transaction.delete(self.client.key("Thing", key))
        transaction.writes[key] = None

    @rule(transaction=consumes(transactions))
    def commit(self, transaction: Open) -> None:
        if transaction.party.commits():
            for question, value in transaction.asked:
                assert self._answer(self.state, question, value) == self._answer(transaction.snapshot, question, value)
            self._apply(transaction.writes)
        else:
            assert transaction.asked
            assert self.commits > transaction.began

    @rule(transaction=consumes(transactions))
    def roll_back(self, transaction: Open) -> None:
        transaction.party.transaction.rollback()

    @rule(key=KEYS, value=VALUES)
    def put_outside(self, key: str, value: int) -> None:
        self.client.put(thing(self.client, key, x=value))
        self._apply({key: value})

    @invariant()
    def the_present_is_what_was_committed(self) -> None:
        assert {found.key.name: found["x"] for found in self.client.query(kind="Thing").fetch()} == self.state

    def _answer(self, state: State, question: str, value: Any) -> Any:
        return state.get(value) if question == "get" else ANSWERS[question](state, value)

    def _apply(self, writes: dict[str, int | None]) -> None:
        self.commits += 1
        for key, value in writes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value


TestSerializability = Serializability.TestCase
TestSerializability.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
