import json
from pathlib import Path

import pytest

from deploy.engine.analysis.heard import Heard, Wish
from deploy.engine.analysis.replay import ReplayListener
from deploy.engine.errors import AnalysisFailed

SHA = "a" * 64
TURNS = [
    {"channel": "right", "start": 3.0, "end": 5.0, "text": "two words"},
    {"channel": "left", "start": 1.0, "end": 2.0, "text": "one two three four"},
]


def hear(directory: Path, *, per_channel: bool = True) -> Heard:
    return ReplayListener(directory).hear(Path("unused"), SHA, Wish(per_channel=per_channel), progress=lambda _: None)


def put(directory: Path, **changes: object) -> None:
    (directory / "call.json").write_text(json.dumps({"sha256": SHA, "duration_s": 9.0, "turns": TURNS, **changes}))


def test_words_are_spread_evenly_over_their_turn(tmp_path: Path) -> None:
    put(tmp_path)
    heard = hear(tmp_path)
    assert heard.duration == 9.0
    assert [track.channel for track in heard.tracks] == [1, 2]
    assert [(word.start, word.end) for word in heard.tracks[0].words] == [
        (1.0, 1.25),
        (1.25, 1.5),
        (1.5, 1.75),
        (1.75, 2.0),
    ]
    assert heard.tracks[1].speech == ((3.0, 5.0),)


def test_without_channels_all_is_one_track_in_time(tmp_path: Path) -> None:
    put(tmp_path)
    [track] = hear(tmp_path, per_channel=False).tracks
    assert track.channel == 0
    assert [word.text for word in track.words] == ["one", "two", "three", "four", "two", "words"]


def test_what_was_heard_survives_the_store(tmp_path: Path) -> None:
    put(tmp_path)
    heard = hear(tmp_path)
    assert Heard.from_json(json.loads(json.dumps(heard.as_json()))) == heard


def test_a_transcript_that_comes_later_is_found(tmp_path: Path) -> None:
    listener = ReplayListener(tmp_path)
    wish = Wish(per_channel=True)
    with pytest.raises(AnalysisFailed, match="no transcript for the recording"):
        listener.hear(Path("unused"), SHA, wish, progress=lambda _: None)
    put(tmp_path)
    assert listener.hear(Path("unused"), SHA, wish, progress=lambda _: None).duration == 9.0


def test_other_json_beside_the_transcripts_is_no_matter(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "trackers.json").write_text('{"trackers": []}')
    (tmp_path / "list.json").write_text("[]")
    assert hear(tmp_path).duration == 9.0


def test_a_broken_transcript_is_named(tmp_path: Path) -> None:
    put(tmp_path, duration_s=-1)
    with pytest.raises(AnalysisFailed, match=r"call\.json"):
        hear(tmp_path)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    assert ReplayListener(tmp_path).ready() is None
    assert "no directory" in str(ReplayListener(tmp_path / "none").ready())
