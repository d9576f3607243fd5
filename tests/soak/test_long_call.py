"""A recording of four hours full of speech, through the engine as it ships: done, and in bounded memory.

`SOAK_CALL_MINUTES` makes it shorter. The speech is that of the sample calls, over and over.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import pytest
import requests

from deploy.engine.errors import ModelMissing
from deploy.engine.models import find_model
from deploy.engine.settings import REPOSITORY, EngineSettings
from deploy.local.samples import CALLS
from tests.call_quality import SAMPLES, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MINUTES = float(os.environ.get("SOAK_CALL_MINUTES", "240"))
MOST_MEMORY_MB = 1500
RATE = 8000
#: CPU seconds per second of a call are under 0.1 on one core; this is for a machine with other work.
PATIENCE = 0.6


@pytest.mark.soak
@pytest.mark.timeout(int(MINUTES * 60 * PATIENCE) + 300)
def test_four_hours_of_speech_are_heard_in_bounded_memory(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Not even one channel's samples fit in what is allowed, beside the model: nothing may hold them all."""
    try:
        find_model(EngineSettings(), ask_hub=False)
    except ModelMissing as missing:
        pytest.skip(f"the speech model cannot be had: {missing}")
    call = long_call(tmp_path / "long.wav", minutes=MINUTES)
    began = time.monotonic()
    env = {**os.environ, "ENGINE_PORT": "0", "ENGINE_STATE": str(tmp_path / "state"), "ENGINE_THREADS": "2"}
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.engine"], cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True
    ) as engine:
        try:
            assert engine.stdout is not None
            url = engine.stdout.readline().split()[3]
            words = analysed(url, call)
            usage = Path(f"/proc/{engine.pid}/status").read_text()
            ticks = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()
        finally:
            engine.kill()
    peak_mb = int(cast("re.Match[str]", re.search(r"VmHWM:\s+(\d+)", usage))[1]) / 1024
    cpu_s = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
    measured(
        f"{MINUTES:g} minutes of two channels: {words} words, {peak_mb:.0f} MB at the highest, "
        f"{cpu_s:.0f} s of CPU ({cpu_s / (MINUTES * 60):.3f} per second), {time.monotonic() - began:.0f} s on the clock"
    )
    assert peak_mb <= MOST_MEMORY_MB
    assert words > MINUTES * 60  # two people talk 150 to 200 words a minute; what is missing would show


def analysed(url: str, call: Path) -> int:
    """Send the recording in, wait for its end, count its words."""
    body = {"type": "application", "appId": "local", "appSecret": "local"}
    headers = {"x-api-key": requests.post(f"{url}/oauth2/token:generate", json=body, timeout=10).json()["accessToken"]}
    with call.open("rb") as audio:
        query = {"enableSeparateRecognitionPerChannel": "true", "detectEntities": "true"}
        sent = requests.post(f"{url}/v1/process/audio", params=query, data=audio, headers=headers, timeout=120).json()
    while (job := requests.get(f"{url}/v1/job/{sent['jobId']}/details", headers=headers, timeout=60).json())[
        "status"
    ] not in {"completed", "failed"}:
        time.sleep(1)
    assert job["status"] == "completed", job
    messages = requests.get(f"{url}/v1/conversations/{sent['conversationId']}/messages", headers=headers, timeout=120)
    return sum(len(message["text"].split()) for message in messages.json()["messages"])


def long_call(path: Path, *, minutes: float) -> Path:
    """Two channels, 8 kHz mu-law, of all sample calls one after another until it is long enough."""
    left = round(minutes * 60 * RATE)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_mulaw", rate=RATE, layout="stereo")
        interleaved = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
        for block in pieces():
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[:, :left]), format="s16p", layout="stereo")
            frame.sample_rate = RATE
            for part in interleaved.resample(frame):
                part.pts = None
                container.mux(stream.encode(part))
            left -= block.shape[1]
            if left <= 0:
                break
        container.mux(stream.encode(None))
    return path


def pieces() -> Iterator[NDArray[np.int16]]:
    """The sample calls for ever, a frame at a time."""
    for name in itertools.cycle(CALLS):
        resampler = av.AudioResampler(format="s16p", layout="stereo", rate=RATE)
        with av.open(str(SAMPLES / truth(name)["audio"])) as container:
            for frame in (*container.decode(audio=0), None):
                for part in resampler.resample(frame):
                    yield part.to_ndarray().astype(np.int16, copy=False)
