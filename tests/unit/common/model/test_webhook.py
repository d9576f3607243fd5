"""The webhook's URL and body: what proves that it is ours, and what it may say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import NotFound, Rejected
from common.model.lifecycle import JobStatus
from common.model.webhook import event_id, is_signed, parse, signature, webhook_url
from functions.webhook import event_of
from tests.factories import NOW

URL = webhook_url("https://hooks.example", secret="s3cret", request_id="r-1", attempt_id="a1")


def test_the_url_that_is_given_out_is_the_one_that_is_understood() -> None:
    """Request and attempt come back, a terminal status is due to be asked for."""
    event = event_of(URL.removeprefix("https://hooks.example"), b'{"id": "j", "status": "failed"}',
                     secrets=["new", "s3cret"], now=NOW)  # fmt: skip

    assert (event.request_id, event.attempt_id, event.job_id, event.status) == ("r-1", "a1", "j", JobStatus.FAILED)
    assert event.next_check_at is not None
    assert event.next_check_at > NOW


@given(st.text(max_size=40))
def test_nothing_else_is_a_signature(given_: str) -> None:
    """Of whatever characters; a forger learns nothing but no."""
    right = signature("s", "r", "a")
    assert is_signed(given_, secrets=["s"], request_id="r", attempt_id="a") == (given_ == right)
    assert not is_signed(given_, secrets=[], request_id="r", attempt_id="a")


def test_a_signature_is_of_both_ids() -> None:
    """It fits no other attempt, and no other request."""
    good = signature("s", "r", "a")
    for request_id, attempt_id in (("r", "b"), ("q", "a"), ("r/a", ""), ("", "r/a")):
        assert not is_signed(good, secrets=["s"], request_id=request_id, attempt_id=attempt_id)


@given(st.text(max_size=60))
def test_any_path_is_either_ours_or_not_there(path: str) -> None:
    """Before the body is looked at."""
    with pytest.raises(NotFound):
        event_of(path, b"not even JSON", secrets=["s"], now=NOW)


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["id", "completed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "jobId", "status", "x"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_is_either_a_status_or_refused(body: bytes) -> None:
    """Never another error."""
    try:
        job_id, status = parse(body)
    except Rejected as rejected:
        assert rejected.problems  # noqa: PT017
    else:
        assert job_id
        assert status in {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED, JobStatus.FAILED}


def test_the_same_news_has_the_same_id() -> None:
    """And nothing else has."""
    ids = {event_id("r", "a", job, status) for job in ("j", "k") for status in JobStatus}
    assert len(ids) == 2 * len(JobStatus)
    assert event_id("r", "a", "j", JobStatus.FAILED) in ids
