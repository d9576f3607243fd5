"""A call through the real thing: checked, added, analysed, read, deleted; the last step of a deployment.

    python -m deploy.smoke --outputs .local/deployed.json      # what `terraform output -json` says
    python -m deploy.smoke --server http://127.0.0.1:8080      # where pages and API have one address

Who calls is CALLTRACK_TOKEN. Without it, in a build: with auth_mode iam the account that builds, by an identity token
for each address; with token the token in the secret calltrack-smoke-token. Nothing can be sent through IAP from here,
so then there is nothing to do. Every step is a command of ./calltrack, so what is tested is what people use.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples" / "dental-scheduling.ogg"
#: No company's: what is left of a broken run disturbs nobody's figures.
COMPANY = "calltrack-smoke-test"
PATIENCE_S = 240
PAUSE_S = 2
_ACCOUNT = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default"


class Broken(Exception):  # noqa: N818
    """A step did not do what it should; the message has its output."""


def calltrack(server: str, *arguments: str) -> str:
    """What a command of ./calltrack writes to stdout.

    Raises:
        Broken: where it ends otherwise than well.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CALLTRACK_SERVER": server,
        "CALLTRACK_TOKEN": identity(server),
    }
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "deploy.cli", *arguments],
        capture_output=True, text=True, env=environment, cwd=ROOT, check=False, timeout=1200,
    )  # fmt: skip
    if done.returncode:
        raise Broken(
            f"calltrack {' '.join(arguments)} at {server} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def identity(server: str) -> str:
    """The bearer token for a server: none on this machine, where none is needed."""
    given = os.environ.get("CALLTRACK_TOKEN", "")
    if given or urlsplit(server).hostname in {"127.0.0.1", "localhost"}:
        return given
    return _metadata("identity", audience=server)


def token_in_secret(project: str) -> str:
    """What the secret calltrack-smoke-token holds: a token of the API, of an admin."""
    access = json.loads(_metadata("token"))["access_token"]
    url = f"https://secretmanager.googleapis.com/v1/projects/{project}/secrets/calltrack-smoke-token/versions/latest:access"
    answer = requests.get(url, headers={"Authorization": f"Bearer {access}"}, timeout=10)
    answer.raise_for_status()
    return base64.b64decode(answer.json()["payload"]["data"]).decode().strip()


def _metadata(what: str, **query: str) -> str:
    """What the machine's service account can have (https://cloud.google.com/compute/docs/metadata)."""
    answer = requests.get(f"{_ACCOUNT}/{what}", params=query, headers={"Metadata-Flavor": "Google"}, timeout=10)
    answer.raise_for_status()
    return answer.text


def expect_well(server: str, *, patience_s: float) -> None:
    """Until the doctor finds nothing; right after a first deployment the sweep has not run, and roles spread slowly.

    Raises:
        Broken: as calltrack does, when the patience is over.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            calltrack(server, "doctor", "--format", "jsonl")
        except Broken:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def smoke(*, pages: str, api: str, wait_s: int) -> dict[str, Any]:
    """The recording as it was when its results were there; it is gone after that."""
    expect_well(pages, patience_s=PATIENCE_S)
    name = f"smoke test {uuid.uuid4().hex[:8]}"
    added = calltrack(api, "recordings", "add", str(SAMPLE), "--company", COMPANY, "--name", name, "--allow-duplicate",
                      "--wait", "--timeout", str(wait_s), "--format", "json")  # fmt: skip
    (listed,) = [row for row in _rows(added) if row.get("id")]
    try:
        recording: dict[str, Any] = json.loads(calltrack(api, "recordings", "get", listed["id"], "--format", "json"))
        turns = json.loads(calltrack(api, "recordings", "transcript", listed["id"], "--as", "json"))["turns"]
        if recording["results"]["state"] != "complete" or not turns:
            raise Broken(
                f"{listed['id']} came back with {len(turns)} turns and results {recording['results']['state']}"
            )
        return recording
    finally:
        calltrack(api, "recordings", "delete", listed["id"], "--reason", "smoke test", "--yes")


def _rows(text: str) -> list[dict[str, Any]]:
    given = json.loads(text)
    return given if isinstance(given, list) else [given]


def main() -> int:
    """0 where all went well; else 1, with what did not."""
    options = argparse.ArgumentParser(description="Send a call through a deployment.")
    options.add_argument("--outputs", type=Path, help="what `terraform output -json` says")
    options.add_argument("--server", help="where pages and API have one address")
    options.add_argument("--wait", type=int, default=900, help="seconds for the results")
    given = options.parse_args()
    if bool(given.outputs) == bool(given.server):
        options.error("give --outputs or --server")
    outputs = json.loads(given.outputs.read_text()) if given.outputs else {}
    pages = given.server or outputs["pages_url"]["value"]
    api = given.server or outputs["api_url"]["value"]
    mode = outputs["auth_mode"]["value"] if outputs else "none"
    if mode == "iap" and not os.environ.get("CALLTRACK_TOKEN"):
        sys.stdout.write("Nothing can be sent through IAP from here: open the pages, and add a call by hand\n")
        return 0
    if mode == "token":
        os.environ.setdefault("CALLTRACK_TOKEN", token_in_secret(outputs["project"]["value"]))
    try:
        recording = smoke(pages=pages, api=api, wait_s=given.wait)
    except Broken as broken:
        sys.stderr.write(f"{broken}\n")
        return 1
    sys.stdout.write(f"{recording['id']} went all the way through {api}, and was deleted\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
