"""Under any mixture of faults, the engine's own account of what happened is right.

A machine submits, works off, lets time pass and changes the faults as it likes. It knows which submissions were
accepted (those that were answered so, and those whose answer the log of strikes says was lost *after* it), and watches
what the receiver of webhooks is told.
"""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from deploy.engine.faults.connections import ConnectionClosed
from tests.contract.engine.stage import Outside, Stage

SUBMIT = "/v1/process/audio/url"
RANK = {"scheduled": 0, "in_progress": 1, "completed": 2, "failed": 2}
#: Longer than any delay, any hold and all repeats of a webhook together.
LONG_S = 1000

chances = st.fixed_dictionaries(
    {}, optional={"rate": st.floats(0.2, 1), "next": st.integers(1, 3), "skip": st.integers(0, 2)}
)
statuses = st.sampled_from(["scheduled", "in_progress", "completed", "failed"])


def switches(fault: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Switches of one name with any chance, and with these fields."""
    return st.builds(lambda chance, own: {"fault": fault, **chance, **own}, chances, st.fixed_dictionaries(fields))


late = st.sampled_from([0.5, 3, 40])
when = st.sampled_from(["before", "after"])
submissions = st.just("submissions")
of_webhooks = st.one_of(
    switches("webhook_dropped", status=statuses),
    switches("webhook_duplicated", times=st.integers(2, 3)),
    switches("webhook_reordered", hold_s=late),
    switches("webhook_delayed", by_s=late),
    switches("webhook_forged", how=st.sampled_from(["other_job", "false_status"])),
    switches("webhook_body", how=st.sampled_from(["bad_json", "too_large"]), size=st.just(100)),
    switches("webhook_key", key=st.sampled_from(["id", "jobId", "both"])),
    switches("webhook_early"),
)
of_calls = st.one_of(
    switches("error_answer", status=st.sampled_from([429, 500, 502, 504]), when=when, on=submissions),
    switches("connection_closed", when=when, on=submissions, how=st.sampled_from(["reset", "closed"])),
    switches("no_answer", when=when, on=submissions),
    switches("slow_answer", by_s=late, on=submissions),
)
of_jobs = st.one_of(switches("job_failed"), switches("job_stuck", at=st.sampled_from(["scheduled", "in_progress"])))
plans = st.builds(
    lambda webhooks, calls, jobs: webhooks + calls + jobs,
    st.lists(of_webhooks, max_size=2),
    st.lists(of_calls, max_size=2),
    st.lists(of_jobs, max_size=1),
).flatmap(st.permutations)


class FaultyHistory(RuleBasedStateMachine):
    """What was accepted, and what was told of it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.outside = Outside()
        self.stage = Stage(Path(self.directory.name), self.outside, faults_api=True)
        self.url = self.stage.recording("call")
        self.attempts = 0
        self.accepted: set[str] = set()
        self.used: set[str] = set()

    def teardown(self) -> None:
        try:
            self.recover()
        finally:
            self.stage.engine.stop()
            self.outside.close()
            self.directory.cleanup()

    @initialize(plan=plans, seed=st.integers(0, 100))
    def begin(self, plan: list[dict[str, Any]], seed: int) -> None:
        self.fail(plan, seed)

    @rule(plan=plans, seed=st.integers(0, 100))
    def fail(self, plan: list[dict[str, Any]], seed: int) -> None:
        self.stage.fail(*plan, seed=seed)
        self.used |= {switch["fault"] for switch in plan}

    @rule(count=st.integers(1, 3))
    def submit(self, count: int) -> None:
        """The list has exactly what was accepted, whatever the sender was told."""
        for _ in range(count):
            self.attempts += 1
            attempt = f"a{self.attempts}"
            if self._sent(attempt) or self._answer_was_lost():
                self.accepted.add(attempt)
            assert len(self._found(attempt)) == (attempt in self.accepted)

    def _sent(self, attempt: str) -> bool:
        body = {"url": self.url, "webhookUrl": self.outside.url(f"/{attempt}"), "metadata": {"attempt": attempt}}
        try:
            return self.stage.ask("POST", SUBMIT, body).status_code == 201
        except ConnectionClosed:
            return False

    def _answer_was_lost(self) -> bool:
        """Whether the last call that was struck was struck after it had been heard."""
        calls = [strike for strike in self.stage.get("/engine/faults")["strikes"] if "when" in strike]
        return calls[-1]["when"] == "after"

    @rule(seconds=st.sampled_from([0, 0.5, 1, 5, 30]))
    def work(self, seconds: float) -> None:
        """Nothing is told of a job that it has not come to, but by forgery."""
        self.stage.clock.advance(seconds)
        self.stage.engine.run_pending()
        truth = self._truth()
        for post in self.outside.posts:
            status = truth[post["path"].removeprefix("/")]
            if post["body"] is not None and "webhook_forged" not in self.used:
                assert RANK[post["body"]["status"]] <= RANK[status]

    def recover(self) -> None:
        """All faults are lifted: every job ends, and all that was not lost has been told."""
        self.stage.ask("DELETE", "/engine/faults")
        for seconds in (0, 1, 5, 25, LONG_S):
            self.stage.clock.advance(seconds)
            self.stage.engine.run_pending()
        assert self.stage.engine.store.pending_deliveries() == 0
        truth = self._truth()
        assert set(truth.values()) <= ({"completed", "failed"} if "job_failed" in self.used else {"completed"})
        if "webhook_forged" in self.used:  # a forgery can say what is true by chance
            return
        for attempt, status in truth.items():
            posts = [post for post in self.outside.posts if post["path"] == f"/{attempt}"]
            told = [post["body"]["status"] for post in posts if post["body"] is not None]
            assert set(told) <= {"scheduled", "in_progress", status}
            if "webhook_dropped" not in self.used:
                assert set(told) == {"scheduled", "in_progress", status}
            if not self.used & {"webhook_dropped", "webhook_body", "webhook_delayed", "webhook_reordered"}:
                assert told == sorted(told, key=RANK.__getitem__)
            if not self.used & {"webhook_body", "webhook_duplicated"}:
                assert len(told) == len(set(told))

    def _truth(self) -> dict[str, str]:
        """Every accepted attempt's status, from the store; GET job says the same."""
        listed = self.stage.get("/v1/conversations?limit=1000")["conversations"]
        assert {conversation["metadata"]["attempt"] for conversation in listed} == self.accepted
        truth = {}
        for conversation in listed:
            (job,) = self.stage.engine.store.jobs_of(conversation["id"])
            assert self.stage.get(f"/v1/job/{job.id}") == {"id": job.id, "status": job.status}
            truth[conversation["metadata"]["attempt"]] = str(job.status)
        return truth

    def _found(self, attempt: str) -> list[Any]:
        path = f"/v1/conversations?filter=conversation.metadata.attempt=={attempt}"
        found: list[Any] = self.stage.get(path)["conversations"]
        return found


TestFaultyHistory = FaultyHistory.TestCase
TestFaultyHistory.settings = settings(
    max_examples=12, stateful_step_count=8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
