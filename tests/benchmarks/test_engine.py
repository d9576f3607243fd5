"""What the engine finds in the sample calls, and what it costs beside the recogniser alone on the same audio.

Costs are of the processor, on one thread: other work on the machine is no fault of the code.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from deploy.engine.analysis.audio import RATE, decoded
from deploy.engine.analysis.recognition import WhisperListener
from deploy.engine.errors import ModelMissing
from deploy.engine.models import find_model
from deploy.engine.settings import EngineSettings
from deploy.local.samples import CALLS
from tests.call_quality import SAMPLES, Call, Quality, answers, submission, truth
from tests.contract.engine.stage import Outside, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faster_whisper import WhisperModel

    from deploy.engine.analysis.audio import Samples

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]
#: What all but the recognition may cost, as a share of it: download, decoding, voice, rules, store, webhooks.
MOST_ON_TOP = 0.25


@pytest.fixture
def listener() -> WhisperListener:
    """On one thread, with the model of the environment: `ENGINE_MODEL=base.en make bench`."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("ENGINE_MODEL")}
    settings = EngineSettings.from_environment({**chosen, "ENGINE_THREADS": "1"})
    try:
        find_model(settings, ask_hub=False)
    except ModelMissing as missing:
        pytest.skip(f"the speech model cannot be had: {missing}")
    listener = WhisperListener(settings)
    assert listener.ready() is None
    return listener


@pytest.fixture
def stage(tmp_path: Path, listener: WhisperListener) -> Iterator[Stage]:
    outside = Outside()
    stage = Stage(tmp_path, outside, listener=listener)
    yield stage
    stage.engine.stop()
    outside.close()


def test_quality_and_cost_of_the_sample_calls(stage: Stage, listener: WhisperListener) -> None:
    """Prints both; the cost is held to a quarter on top of the recogniser's own."""
    model = listener._loaded()
    heard: dict[str, Call] = {}
    costs: list[tuple[str, float, float, float]] = []
    for name in CALLS:
        call = truth(name)
        bare = bare_cost(model, SAMPLES / call["audio"])
        began = time.process_time()
        heard[name] = analysed(stage, name, call)
        costs.append((name, call["duration_s"], bare, time.process_time() - began))
    quality = Quality(heard)
    print(f"\n| of six calls, {listener.name} | |\n| --- | --- |\n{quality.table()}")
    print("\n| CPU seconds per second of a two-channel call | recogniser alone | engine | on top |")
    print("| --- | --- | --- | --- |")
    for name, length, bare, whole in costs:
        print(f"| {name} | {bare / length:.4f} | {whole / length:.4f} | {whole / bare - 1:+.0%} |")
    lengths, bares, wholes = (sum(figures) for figures in list(zip(*costs, strict=True))[1:])
    on_top = statistics.median(whole / bare - 1 for _, _, bare, whole in costs)
    print(f"| all | {bares / lengths:.4f} | {wholes / lengths:.4f} | median {on_top:+.0%} |")
    assert on_top <= MOST_ON_TOP


def bare_cost(model: WhisperModel, path: Path) -> float:
    """CPU seconds of recognising both channels of what is decoded already, with the recogniser's own voice filter."""
    with decoded(path, per_channel=True, max_duration_s=3600) as rows:
        channels: list[Samples] = [row[:] for row in rows]
    began = time.process_time()
    for samples in channels:
        segments, _ = model.transcribe(
            samples, language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False, vad_filter=True,
            word_timestamps=True,
        )  # fmt: skip
        assert list(segments)
    assert len(channels[0]) > RATE
    return time.process_time() - began


def analysed(stage: Stage, name: str, call: dict[str, Any]) -> Call:
    """The call as the engine answers for it, from its submission on."""
    stage.outside.files[f"/{name}"] = (SAMPLES / call["audio"]).read_bytes()
    conversation, job = stage.submit(stage.outside.url(f"/{name}"), **submission(call))
    stage.engine.run_pending()
    assert stage.status(job) == "completed"
    return Call(call, answers(stage.get, f"/v1/conversations/{conversation}"))
