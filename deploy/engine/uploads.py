"""Audio that is here before its job is: sent in the body of a request, to disk as it comes, or fetched at once."""

import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deploy.engine.errors import BadRequest

_CHUNK = 256 * 1024
#: Symbl's list, and what clients send where they were told to leave the type out.
CONTENT_TYPES = ("audio/wav", "audio/mpeg", "audio/mp3", "audio/wave")
_UNSAID = ("", "application/octet-stream")


@dataclasses.dataclass(frozen=True, slots=True)
class Audio:
    """A recording on disk that belongs to no job yet."""

    path: Path
    sha256: str


def check_content_type(given: str) -> None:
    """Accept the types of Symbl's list, or none.

    Raises:
        BadRequest: it is another, such as a form.
    """
    if given.lower() not in CONTENT_TYPES + _UNSAID:
        raise BadRequest(
            f'"Content-Type" must be one of [{", ".join(CONTENT_TYPES)}]: '
            "send the audio itself as the body, and leave the type out for other formats"
        )


@contextlib.contextmanager
def received(stream: IO[bytes], directory: Path) -> Iterator[Audio]:
    """The audio of *stream* in a file of *directory*, which is gone after the block unless it was moved.

    Raises:
        BadRequest: there is none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{secrets.token_hex(16)}.part"
    digest = hashlib.sha256()
    try:
        with path.open("xb") as file:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
            if not file.tell():
                raise BadRequest("The body is empty: send the audio itself as the body.")
        yield Audio(path, digest.hexdigest())
    finally:
        path.unlink(missing_ok=True)


def declared_s(path: Path) -> float | None:
    """How long the recording says that it is, in seconds, or None where it does not say or is none."""
    import av  # noqa: PLC0415 - only where a recording is looked at before it is accepted

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            return container.duration / av.time_base if container.duration else None
    except av.error.FFmpegError:
        return None
