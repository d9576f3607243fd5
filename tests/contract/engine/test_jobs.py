"""The life of a job, its audio, and what a death of the engine does to it."""

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.engine.analysis.heard import Heard, Track, Wish, Word
from deploy.engine.engine import create_engine
from deploy.engine.errors import SettingsError
from deploy.engine.settings import EngineSettings
from deploy.engine.submission import Submission
from tests.contract.engine.stage import Stage, StageFactory

#: Half a minute after a stage's clock began.
STARTED = datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC)


def reason(stage: Stage, job_id: str) -> str:
    details = stage.get(f"/v1/job/{job_id}/details")
    assert details["status"] == "failed"
    header = stage.ask("GET", f"/v1/job/{job_id}").headers["X-Job-Error"]
    assert header == details["reason"]
    return header


def test_a_job_is_scheduled_then_completed(stage: Stage) -> None:
    """The job API tells the id and the status, nothing else."""
    _, job_id = stage.submit(stage.recording("call"))
    assert stage.get(f"/v1/job/{job_id}") == {"id": job_id, "status": "scheduled"}
    stage.engine.run_pending()
    assert stage.get(f"/v1/job/{job_id}") == {"id": job_id, "status": "completed"}


def test_the_details_tell_where_the_results_come_from(stage: Stage) -> None:
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    details = stage.get(f"/v1/job/{job_id}/details")
    assert details["provenance"]["engine"] == "local-replay"
    assert details["provenance"]["duration"] == 20.0
    assert details["reason"] is None


def test_an_unknown_job_gets_404(stage: Stage) -> None:
    answer = stage.ask("GET", "/v1/job/6a0f5d8e-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.get_json()) == (404, {"message": "Job not found"})


def test_a_recording_without_a_transcript_fails_and_no_text_is_invented(stage: Stage) -> None:
    stage.outside.files["/unknown"] = b"something else"
    conversation_id, job_id = stage.submit(stage.outside.url("/unknown"))
    stage.engine.run_pending()
    assert "no transcript for the recording" in reason(stage, job_id)
    assert stage.get(f"/v1/conversations/{conversation_id}/messages") == {"messages": []}
    assert stage.ask("GET", f"/v1/conversations/{conversation_id}/summary").status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/gone", 404, "HTTP 404"),
        ("/moved", 302, "redirects (HTTP 302)"),
        ("/empty", 200, "empty body"),
        ("/busy", 503, "HTTP 503"),
    ],
)
def test_audio_that_cannot_be_had_fails_the_accepted_job(stage: Stage, path: str, status: int, words: str) -> None:
    stage.outside.answers[path] = status
    _, job_id = stage.submit(stage.outside.url(path), webhookUrl=stage.outside.url("/hook"))
    stage.engine.run_pending()
    assert words in reason(stage, job_id)
    assert stage.outside.statuses() == ["scheduled", "failed"]
    assert "/elsewhere" not in stage.outside.gets


def test_a_recording_over_the_byte_limit_fails(make_stage: StageFactory) -> None:
    stage = make_stage(max_download_bytes=5)
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert "more than 5" in reason(stage, job_id)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_a_private_address_is_not_asked_unless_allowed(make_stage: StageFactory, host: str) -> None:
    stage = make_stage(allow_private_urls=False)
    _, job_id = stage.submit(f"http://{host}:9/call.wav")
    stage.engine.run_pending()
    assert "private address" in reason(stage, job_id)


def test_audio_is_fetched_before_the_job_has_its_turn(stage: Stage) -> None:
    """A signed URL may be over by the time that a long queue is worked off."""
    url = stage.recording("call")
    conversation_id, _ = stage.submit(url)
    _, second = stage.submit(url, conversation_id)
    while stage.engine._fetcher.step():
        pass
    stage.outside.files.clear()
    stage.engine.run_pending()
    assert stage.status(second) == "completed"


def test_audio_is_kept_only_until_it_was_analysed(stage: Stage) -> None:
    stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert list((stage.settings.state / "audio").iterdir()) == []


def test_what_a_death_left_behind_is_swept_at_the_next_start(stage: Stage) -> None:
    """Audio of ended jobs, half a download and decoded samples go; the audio of a waiting job stays."""
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine._fetcher.step()
    audio = stage.settings.state / "audio"
    (audio / "ended").touch()
    (audio / f"{job_id}.part").touch()
    (audio / f"{job_id}-pcm-1").mkdir()
    stage.restarted()
    assert [path.name for path in audio.iterdir()] == [job_id]


def test_jobs_of_one_conversation_run_one_after_another(stage: Stage) -> None:
    """The second part waits for the first even when its audio came earlier."""
    conversation_id, first = stage.submit(stage.recording("one"))
    _, second = stage.submit(stage.recording("two"), conversation_id)
    store = stage.engine.store
    store.fetched(store.job(second), "ab")
    assert store.runnable(besides=()) is None
    stage.engine.run_pending()
    numbers = [job.ended_at for job in (store.job(first), store.job(second))]
    assert [stage.status(first), stage.status(second)] == ["completed", "failed"]
    assert all(numbers)


def test_a_scheduled_job_is_taken_up_again_after_a_death(stage: Stage) -> None:
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    stage.restarted()
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    assert stage.outside.statuses() == ["scheduled", "in_progress", "completed"]


def test_a_job_in_progress_is_taken_up_again_and_told_once(stage: Stage) -> None:
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    stage.engine._fetcher.step()
    stage.engine.store.started(stage.engine.store.job(job_id), stage.clock())
    stage.restarted()
    assert stage.status(job_id) == "in_progress"
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    assert stage.outside.statuses() == ["scheduled", "in_progress", "completed"]


def test_a_recording_that_kills_the_engine_three_times_is_given_up(stage: Stage) -> None:
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine._fetcher.step()
    for _ in range(3):
        stage.engine.store.started(stage.engine.store.job(job_id), stage.clock())
        stage.restarted()
    stage.engine.run_pending()
    assert "ended 3 times" in reason(stage, job_id)


def test_two_engines_do_not_share_a_state_directory(stage: Stage) -> None:
    with pytest.raises(SettingsError, match="another engine uses"):
        create_engine(EngineSettings(state=stage.settings.state))


def test_threads_work_jobs_off_without_being_asked(stage: Stage) -> None:
    """Started, the engine needs nobody to step it."""
    stage.engine.start()
    _, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    for _ in range(500):
        if len(stage.outside.posts) == 3:
            break
        stage.engine._bell.wait(stage.engine._bell.rings, 0.02)
    assert stage.status(job_id) == "completed"
    assert sorted(stage.outside.statuses()) == ["completed", "in_progress", "scheduled"]


class Stumbling:
    """A listener that tells one channel and then breaks."""

    name = "stumbling"

    def ready(self) -> str | None:
        return None

    def hear(self, audio: Path, sha256: str, wish: Wish, *, progress: Callable[[Heard], None]) -> Heard:
        del audio, sha256, wish
        progress(Heard(5.0, (Track(1, (Word("Hello", 0.0, 1.0, 1.0),), ((0.0, 1.0),)),)))
        raise self.error

    error: Exception = RuntimeError("out of luck")


def test_a_listener_that_breaks_fails_the_job_and_takes_its_words_back(make_stage: StageFactory) -> None:
    """Partial results are told while the job runs, and belong to no failed one."""
    stage = make_stage(listener=Stumbling())
    conversation_id, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert reason(stage, job_id) == "the analysis broke: RuntimeError: out of luck"
    assert stage.get(f"/v1/conversations/{conversation_id}/messages") == {"messages": []}


def test_partial_results_are_told_while_the_job_runs(make_stage: StageFactory) -> None:
    class Peeking(Stumbling):
        def hear(self, audio: Path, sha256: str, wish: Wish, *, progress: Callable[[Heard], None]) -> Heard:
            with contextlib.suppress(RuntimeError):
                super().hear(audio, sha256, wish, progress=progress)
            seen.extend(stage.get(f"/v1/conversations/{conversation_id}/messages")["messages"])
            return Heard(5.0, ())

    seen: list[dict[str, object]] = []
    stage = make_stage(listener=Peeking())
    conversation_id, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    assert [message["text"] for message in seen] == ["Hello"]


def test_without_a_model_the_engine_runs_and_says_so(make_stage: StageFactory, tmp_path: Path) -> None:
    """Jobs end as failed with that reason, and /ready is 503 with the mend."""
    stage = make_stage(analyzer="whisper", model_dir=tmp_path)
    ready = stage.engine.app.test_client().get("/ready")
    assert ready.status_code == 503
    assert "model.bin is missing" in ready.get_json()["reason"]
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine.run_pending()
    assert reason(stage, job_id) == ready.get_json()["reason"]


def test_a_job_lasts_its_share_of_the_recording(make_stage: StageFactory) -> None:
    """Completed, and told so, when 40 % of the length have passed since it started, and not before."""
    stage = make_stage(processing_share=0.4)
    _, job_id = stage.submit(stage.recording("call", duration=600.0))
    stage.clock.advance(30)  # waits for its turn
    stage.engine.run_pending()
    job = stage.engine.store.job(job_id)
    assert (job.started_at, job.ended_at) == (STARTED, STARTED + timedelta(seconds=240))


def test_a_death_does_not_start_its_time_again(make_stage: StageFactory) -> None:
    """What is left of a job's time is counted from its first start; without time left it ends at once."""
    stage = make_stage(processing_share=0.4)
    _, job_id = stage.submit(stage.recording("call", duration=600.0))
    stage.clock.advance(30)

    def ends_half_way(seconds: float) -> bool:
        stage.clock.advance(seconds / 2)
        return True

    stage.wait = ends_half_way
    stage.engine._fetcher.step()
    stage.engine.analyst.step()
    assert stage.status(job_id) == "in_progress"
    stage.wait = stage.clock.advance
    stage.restarted()
    stage.engine.run_pending()
    job = stage.engine.store.job(job_id)
    assert (job.started_at, job.ended_at) == (STARTED, STARTED + timedelta(seconds=240))


def test_a_store_of_an_earlier_version_is_taken_over(stage: Stage) -> None:
    """Jobs that started before it was written down when go on, from their acceptance."""
    _, job_id = stage.submit(stage.recording("call"))
    stage.engine.store.close()
    with contextlib.closing(sqlite3.connect(stage.settings.state / "engine.sqlite3")) as old:
        old.execute("ALTER TABLE jobs DROP COLUMN started_at")
        old.execute("UPDATE jobs SET status = 'in_progress'")
        old.commit()
    stage.restarted()
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"


def test_acceptances_are_dated_in_the_order_in_which_they_took_a_place(tmp_path: Path) -> None:
    """However many come at once: who waited for its turn is not dated before it, so the books never exceed the cap."""
    ticks = itertools.count()

    def ticking() -> datetime:
        now = STARTED + timedelta(seconds=next(ticks))
        time.sleep(0)  # another thread may be quicker from here on
        return now

    settings = EngineSettings(state=tmp_path / "state", analyzer="replay", replay_dir=tmp_path, max_active_jobs=500)
    engine = create_engine(settings, clock=ticking)
    submission = Submission(url="http://recordings.example/call")
    with ThreadPoolExecutor(16) as senders:
        jobs = list(senders.map(lambda _: engine.accept(submission), range(300)))
    engine.stop()
    in_order = sorted(jobs, key=lambda job: job.number)
    assert [job.accepted_at for job in in_order] == sorted(job.accepted_at for job in jobs)
