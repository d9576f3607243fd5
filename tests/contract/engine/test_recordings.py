"""What comes in is not always a call: every format, a line on which nobody speaks, and files that are no recording.

One engine with the real recogniser for all; skipped where its model cannot be had.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.engine.errors import ModelMissing
from deploy.engine.models import find_model
from deploy.engine.settings import EngineSettings
from tests.contract.engine.stage import Outside, Stage
from tests.recordings import SOUNDS, encoded, silent_film, stretch, telephone_wav
from tests.scoring import word_errors

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
SAID = (
    "Thank you for calling Northside Plumbing, this is Sarah. How can I help you today? "
    "Hi, Sarah. My name is Michael Turner. My water heater is leaking all over the garage floor."
)
SAID_S = 12.2


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An engine that listens."""
    try:
        find_model(EngineSettings(), ask_hub=False)
    except ModelMissing as missing:
        pytest.skip(f"the speech model cannot be had: {missing}")
    outside = Outside()
    stage = Stage(tmp_path_factory.mktemp("listening"), outside, analyzer="whisper", threads=1)
    yield stage
    stage.engine.stop()
    outside.close()


def heard(stage: Stage, path: Path, **wish: Any) -> list[dict[str, Any]]:
    """The messages of a recording, which must be completed."""
    conversation_id, job_id = sent(stage, path, **wish)
    assert stage.status(job_id) == "completed"
    messages: list[dict[str, Any]] = stage.get(f"/v1/conversations/{conversation_id}/messages")["messages"]
    return messages


def sent(stage: Stage, path: Path, **wish: Any) -> tuple[str, str]:
    stage.outside.files[f"/{path.name}"] = path.read_bytes()
    stage.outside.answers[f"/{path.name}"] = 200
    ids = stage.submit(stage.outside.url(f"/{path.name}"), **wish)
    stage.engine.run_pending()
    return ids


def text(messages: list[dict[str, Any]]) -> str:
    return " ".join(message["text"] for message in messages)


def test_the_words_of_a_mobile_telephone_are_heard_and_its_voices_told_apart(listening: Stage, tmp_path: Path) -> None:
    """AMR at 12 kbit/s, the poorest of the formats, on one channel: the same words, and who said them."""
    rows = stretch("plumbing-support.flac", SAID_S, tmp_path).mean(axis=0, keepdims=True)
    path = encoded(tmp_path / "call.amr", rows, codec="libopencore_amrnb", rate=8000)
    messages = heard(listening, path, enableSpeakerDiarization=True, diarizationSpeakerCount=2)
    assert word_errors(SAID, text(messages)).rate < 0.2
    speakers = [message["from"]["name"] for message in messages]
    assert speakers == sorted(speakers)
    assert set(speakers) == {"Speaker 1", "Speaker 2"}
    assert text([m for m in messages if m["from"]["name"] == "Speaker 2"]).endswith("all over the garage floor.")


def test_the_words_of_a_film_are_heard_by_channel(listening: Stage, tmp_path: Path) -> None:
    """What a browser or a meeting records: sound beside moving pictures. The vocabulary says how a name is written."""
    rows = stretch("plumbing-support.flac", SAID_S, tmp_path)
    path = encoded(tmp_path / "film.mp4", rows, codec="aac", rate=44100, film=True)
    wish = {"enableSeparateRecognitionPerChannel": True, "customVocabulary": ["Northside Plumbing"]}
    messages = heard(listening, path, **wish)
    assert word_errors(SAID, text(messages)).rate < 0.1
    assert "Northside Plumbing" in text(messages)


@pytest.mark.parametrize("name", SOUNDS)
def test_where_nobody_speaks_no_word_is_made_up(listening: Stage, tmp_path: Path, name: str) -> None:
    """Nor a voice: with speakers asked for there are none."""
    path = telephone_wav(tmp_path / "line.wav", SOUNDS[name]())
    assert heard(listening, path, enableSpeakerDiarization=True, diarizationSpeakerCount=2) == []


def test_between_words_music_and_noise_stay_without(listening: Stage, tmp_path: Path) -> None:
    """A call on hold: a greeting, the strings, the greeting, noise, the greeting; nothing is said between."""
    greeting = stretch("plumbing-support.flac", 5.5, tmp_path)[0, ::2].astype(np.float64)
    parts = [greeting, SOUNDS["plucked strings"](), greeting, SOUNDS["pink noise"](), greeting]
    path = telephone_wav(tmp_path / "hold.wav", np.concatenate(parts))
    starts = [message["timeOffset"] for message in heard(listening, path)]
    ends = np.cumsum([len(part) / 8000 for part in parts])
    assert starts
    assert {int(np.searchsorted(ends, start)) for start in starts} == {0, 2, 4}


def corrupt(directory: Path, what: str) -> Path:
    """A file that cannot be analysed."""
    if what == "a film without sound":
        return silent_film(directory / "film.mp4")
    content = {
        "nothing at all": b"",
        "a letter named .wav": b"Dear customer, please find attached what is no recording.\n",
        "a header and no sound": b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00",
        "bytes by chance": np.random.default_rng(1).bytes(20_000),
    }
    path = directory / "call.wav"
    path.write_bytes(content[what])
    return path


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nothing at all", "an empty body"),
        ("a letter named .wav", "no recording in a known format"),
        ("a header and no sound", "no recording in a known format"),
        ("bytes by chance", "no recording in a known format"),
        ("a film without sound", "no audio stream"),
    ],
)
def test_what_is_no_recording_fails_and_says_why(
    listening: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str, reason: str
) -> None:
    """In the log, and in what the engine tells beyond Symbl's two fields; the conversation is there, and empty."""
    with caplog.at_level(logging.WARNING, "deploy.engine.jobs"):
        conversation_id, job_id = sent(listening, corrupt(tmp_path, what))
    assert listening.get(f"/v1/job/{job_id}") == {"id": job_id, "status": "failed"}
    assert reason in listening.get(f"/v1/job/{job_id}/details")["reason"]
    assert reason in listening.ask("GET", f"/v1/job/{job_id}").headers["X-Job-Error"]
    assert [
        record.getMessage()
        for record in caplog.records
        if job_id in record.getMessage() and reason in record.getMessage()
    ]
    assert listening.get(f"/v1/conversations/{conversation_id}/messages") == {"messages": []}
