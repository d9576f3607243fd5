"""Gets a checkout ready: `python3 deploy/setup.py run` (or `test`). Does nothing the second time.

Standard library only, and old syntax only: it has to tell people that their Python is too old.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed.json")
#: What each purpose installs; the tests' list holds everything that a run needs, in the same versions.
LOCKS = {"run": "deploy/local/requirements.txt", "test": "tests/requirements.txt"}
#: What installs the others, in a fifth of pip's time.
INSTALLER_LOCK = "deploy/setup-requirements.txt"
#: Symbl's own client, for tests of the engine: in a directory of its own, because its packages install a `tests` and a
#: `test` too, and without its dependencies, because it asks for PyAudio, which wants a compiler and a sound card.
SDK_LOCK = "tests/sdk-requirements.txt"
SDK = os.path.join(VENV, "symbl-sdk")


def main(purpose) -> int:
    """Make the virtual environment and fill it, unless that is done."""
    wanted = {lock: _digest(lock) for lock in ({LOCKS[purpose]} if purpose == "test" else set(LOCKS.values()))}
    installed = _installed()
    if not any(installed.get(lock) == digest for lock, digest in wanted.items()):
        _make_environment()
        _install(LOCKS[purpose])
        _remember(LOCKS[purpose])
    if purpose == "test" and _installed().get(SDK_LOCK) != _digest(SDK_LOCK):
        _install_sdk()
    return 0


def _digest(lock):
    with open(os.path.join(ROOT, lock), "rb") as file:
        return hashlib.sha256(file.read() + str(sys.version_info[:2]).encode()).hexdigest()


def _installed():
    try:
        with open(STAMP) as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if os.path.exists(_python()) else {}


def _remember(lock) -> None:
    found = dict(_installed())
    found[lock] = _digest(lock)
    with open(STAMP, "w") as file:
        json.dump(found, file)


def _make_environment() -> None:
    if os.path.exists(_python()) and _runs("pip"):
        return
    _say("Making a virtual environment in .venv ...")
    if os.path.isdir(VENV):
        shutil.rmtree(VENV)
    done = subprocess.call([sys.executable, "-m", "venv", VENV], stdout=subprocess.DEVNULL)
    if done != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        _stop(
            "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv. "
            "Then run the same command again."
        )


def _install(lock) -> None:
    _say(f"Installing from {lock} (once) ...")
    if not _installed_from(lock):
        _stop("The packages could not be installed: see above. Is the package registry in reach? Then run it again.")


def _install_sdk() -> None:
    shutil.rmtree(SDK, ignore_errors=True)
    if _installed_from(SDK_LOCK, "--no-deps", "--target", SDK):
        _remember(SDK_LOCK)
    else:
        shutil.rmtree(SDK, ignore_errors=True)
        _say("Symbl's SDK could not be installed: its test is skipped.")


def _installed_from(lock, *where) -> bool:
    """By uv; by pip where uv cannot be had, or knows less than pip was told (an index of one's own, say)."""
    if _uv_installs(lock, *where):
        return True
    _say("uv cannot do that here; pip goes on, and takes about a minute ...")
    return _pip_installs(lock, *where, stderr=None)


def _uv_installs(lock, *where) -> bool:
    if not _runs("uv") and not _pip_installs(INSTALLER_LOCK):
        return False
    return _installs(["uv", "pip", "install", "--python", _python(), *where], lock, subprocess.DEVNULL)


def _pip_installs(lock, *where, stderr=subprocess.DEVNULL) -> bool:
    return _installs(["pip", "install", "--disable-pip-version-check", "--no-input", *where], lock, stderr)


def _installs(command, lock, stderr) -> bool:
    command = [_python(), "-m", *command, "--quiet", "--require-hashes", "-r", os.path.join(ROOT, lock)]
    return subprocess.call(command, stderr=stderr) == 0


def _python():
    return os.path.join(VENV, "bin", "python")


def _runs(module):
    command = [_python(), "-c", "import " + module]
    return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _say(text) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _stop(text) -> None:
    _say(text)
    sys.exit(1)


def _newer_python():
    """A python3.NN beside this one that is new enough."""
    for minor in range(14, OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor) if hasattr(shutil, "which") else None
        if found:
            return found
    return None


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        _stop("usage: python3 deploy/setup.py run|test")
    if sys.version_info[:2] < OLDEST:
        newer = _newer_python()
        if newer is None:
            _stop(
                "This is Python %d.%d; Python %d.%d or newer is needed. Install it, or name one: "
                "make PYTHON=/path/to/python3.11 %s" % (sys.version_info[:2] + OLDEST + (sys.argv[1],))
            )
        os.execv(newer, [newer, os.path.abspath(__file__), sys.argv[1]])
    sys.exit(main(sys.argv[1]))
