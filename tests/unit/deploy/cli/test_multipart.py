"""The body of an upload, read by another implementation."""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from deploy.cli.multipart import CHUNK_BYTES, MultipartFile
from deploy.cli.problems import CommandFailed

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20)


@given(
    content=st.binary(max_size=2000), name=NAMES, words=st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
)
def test_what_is_built_is_what_is_parsed(content: bytes, name: str, words: str) -> None:
    """Name, words and bytes arrive as they were, and the length that was announced is the body's."""
    with tempfile.TemporaryFile() as audio:
        audio.write(content)
        audio.seek(0)
        body = MultipartFile(cast("BinaryIO", audio), file_name=name, fields={"metadata": words}, sent=lambda *_: None)
        sent = b"".join(body)
    assert len(body) == len(sent)
    request = Request({
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": body.content_type,
        "CONTENT_LENGTH": str(len(sent)),
        "wsgi.input": io.BytesIO(sent),
    })  # fmt: skip
    assert request.form["metadata"] == words
    assert request.files["audio"].read() == content
    if "%22" not in name:  # which browsers write for a quote, and readers read so
        assert request.files["audio"].filename == name


def test_a_large_file_is_read_piece_by_piece() -> None:
    """No piece is larger than a chunk, and progress ends at the whole."""
    told: list[tuple[int, int]] = []
    with tempfile.TemporaryFile() as audio:
        audio.truncate(3 * CHUNK_BYTES + 1)
        body = MultipartFile(cast("BinaryIO", audio), file_name="a.wav", fields={}, sent=lambda *at: told.append(at))
        assert max(len(piece) for piece in body) == CHUNK_BYTES
    size = 3 * CHUNK_BYTES + 1
    assert told == [(CHUNK_BYTES, size), (2 * CHUNK_BYTES, size), (3 * CHUNK_BYTES, size), (size, size)]


def test_a_file_that_shrinks_is_not_sent_as_if_it_were_whole() -> None:
    """The announced length could never be reached."""
    with tempfile.TemporaryFile() as audio:
        audio.truncate(10)
        body = MultipartFile(cast("BinaryIO", audio), file_name="a.wav", fields={}, sent=lambda *_: None)
        audio.truncate(4)
        with pytest.raises(CommandFailed, match="became shorter"):
            list(body)
