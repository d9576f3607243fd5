"""A multipart/form-data body that is read as it is sent (RFC 7578): an upload needs no memory of its own."""

from __future__ import annotations

import mimetypes
import os
import re
import uuid
from typing import TYPE_CHECKING, BinaryIO

from deploy.cli.exits import Exit
from deploy.cli.problems import CommandFailed, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CHUNK_BYTES = 256 * 1024
_SHORTENED = Problem(
    title="File changed",
    detail="it became shorter while it was sent",
    mend="the same command once nothing writes to it",
    exit=Exit.CONFLICT,
    code="FAILED_PRECONDITION",
)


class MultipartFile:
    """Form fields, then the file as the part `audio`. Its length is known beforehand; it can be read once."""

    def __init__(
        self, audio: BinaryIO, *, file_name: str, fields: Mapping[str, str], sent: Callable[[int, int], None]
    ) -> None:
        """`sent` is told after each chunk how many bytes of the file are sent, and how many there are."""
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._audio = audio
        self._sent = sent
        self._size = os.fstat(audio.fileno()).st_size
        kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="{_quoted(file_name)}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        )
        self._before = "".join(parts).encode(errors="replace")
        self._after = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        done = 0
        while done < self._size:
            chunk = self._audio.read(min(CHUNK_BYTES, self._size - done))
            if not chunk:
                raise CommandFailed(_SHORTENED)
            yield chunk
            done += len(chunk)
            self._sent(done, self._size)
        yield self._after


def _quoted(file_name: str) -> str:
    """The inside of a quoted-string (RFC 9110, 5.6.4), in which a line cannot end."""
    return re.sub(r'(["\\])', r"\\\1", re.sub(r"[\r\n]", " ", file_name))
