"""The servers that keep the contract, and where they are known to differ."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials
from google.cloud import datastore

from tests.local_stack import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.cloud.datastore import Client

KNOWN_DIFFERENCES = {
    "array_duplicates": (
        "Google's emulator returns an entity once per matching element of an array; production, as documented, once."
    ),
    "array_equality_and_order": (
        "With an equality filter and an order on the same array, it sorts by elements that the filter does not name; "
        "as documented, such an order is ignored."
    ),
    "array_equality_and_sum": "It sums every element of an array that an equality filter selects by one element.",
    "base_version": "It never reports conflict_detected; only the FAIL strategy works there.",
    "begin_later": "A transaction that begins with a look-up waits for its own lock at commit, and is aborted.",
    "embedded_as_value": "It fails with UNKNOWN when a query filters on a property that holds an embedded entity.",
    "index_entries": "It counts each value several times against the limit of 20,000 entries an entity.",
    "lookup_keys": "It takes any number of keys in a lookup; production takes 1,000.",
    "missing_indexes": "It requires no composite index.",
    "message_size": "Its channel takes 4 MiB each way; production takes 10 MiB and splits responses.",
    "read_only_commit": "It refuses the empty commit at the end of `with client.transaction(read_only=True)`.",
    "lock_timeouts": "Its transactions lock: the loser of a conflict waits 2 s, a plain put waits for a reader.",
    "more_results_after_cursor": "It answers NO_MORE_RESULTS where an end cursor stopped the query.",
}
"""Where Google's emulator is no referee: it departs from production's documentation, the embedded server does not."""

_JAR = "cloud-firestore-emulator/cloud-firestore-emulator.jar"
_MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_READY_SECONDS = 60
_STARTS = 3


def connect(address: str, project: str, database: str | None = None) -> Client:
    """Google's client on the server at *address*."""
    return datastore.Client(
        project=project,
        database=database,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": f"http://{address}"},
    )


def fresh_project() -> str:
    """A project that no other test has written to."""
    return f"test-{uuid.uuid4().hex[:12]}"


def find_emulator() -> tuple[Path, Path] | str:
    """Java and the emulator's jar, or what is missing."""
    java = shutil.which("java")
    if java is None:
        return "no java on the PATH"
    named = os.environ.get("FIRESTORE_EMULATOR_JAR")
    gcloud = shutil.which("gcloud")
    roots = [Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk", Path("/opt/google-cloud-sdk")]
    if gcloud:
        roots.append(Path(gcloud).resolve().parent.parent)
    candidates = [Path(named)] if named else [root / "platform" / _JAR for root in roots]
    jar = next((candidate for candidate in candidates if candidate.is_file()), None)
    return (Path(java), jar) if jar else f"no emulator at {', '.join(map(str, candidates))}: set FIRESTORE_EMULATOR_JAR"


def run_emulator(java: Path, jar: Path) -> Iterator[str]:
    """Google's Firestore emulator in Datastore mode: yields its address, then stops it.

    It cannot choose a port by itself, and the one that was free may be taken when it comes to listen: then it ends, and
    is started again with another.
    """
    for start in range(_STARTS):
        port = free_port()
        process = _emulator(java, jar, port)
        try:
            if _is_ready(f"http://127.0.0.1:{port}/", process):
                yield f"127.0.0.1:{port}"
                return
            assert start < _STARTS - 1, f"Google's emulator is not ready: status {process.poll()}"
        finally:
            process.kill()
            process.wait()


def _emulator(java: Path, jar: Path, port: int) -> subprocess.Popen[bytes]:
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.language=en"]
    arguments = ["start", "--host=127.0.0.1", f"--port={port}", "--database-mode=datastore-mode"]
    return subprocess.Popen(
        [java, *options, "-cp", jar, _MAIN_CLASS, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 it takes no lock
    )


def _is_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until it answers; False where it has ended, or is too slow."""
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return True
    return False


def _die_with_parent() -> None:
    prctl: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux; elsewhere the fixture's own clean-up has to do
        prctl(1, signal.SIGKILL)
