"""Objects, through Google's client: what the product relies on, and where the stand-in is known to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions

from tests.contract.storage.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.storage import Bucket

    from deploy.local.storage import StorageServer


def test_an_object_has_one_generation_wherever_it_is_asked_for(bucket: Bucket, server: StorageServer) -> None:
    """The id of a recording hangs on it: upload, reading, listing and event agree."""
    blob = bucket.blob("a/call.wav")
    blob.upload_from_string(b"one", content_type="audio/wav")
    uploaded = blob.generation
    blob.reload()
    (event,) = server.events(at_least=1)
    listed = [b.generation for b in bucket.list_blobs(prefix="a/")]
    assert uploaded == blob.generation == int(event.object["generation"]) == listed[0]


def test_an_object_is_created_once_only(bucket: Bucket) -> None:
    """if_generation_match=0 lets the first writer win."""
    bucket.blob("call.wav").upload_from_string(b"one", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("call.wav").upload_from_string(b"two", if_generation_match=0)
    assert bucket.blob("call.wav").download_as_bytes() == b"one"


def test_a_part_of_an_object_is_read_by_range(bucket: Bucket) -> None:
    """As the audio probe does."""
    bucket.blob("call.wav").upload_from_string(bytes(range(256)) * 4096)
    with bucket.blob("call.wav").open("rb", chunk_size=256 * 1024) as f:
        f.seek(1_000_000)
        assert f.read(2) == bytes([1_000_000 % 256, 1_000_001 % 256])


def test_objects_survive_a_restart_with_generation_and_metadata(
    make_server: Callable[[], StorageServer], connect: Callable[[str], Bucket]
) -> None:
    """And the bucket's creation at the second start harms nothing."""
    first = make_server()
    blob = connect(first.start()).blob("Ä/call one.wav")
    blob.metadata = {"company": "Müller"}
    blob.upload_from_string(b"precious", content_type="audio/wav")
    first.stop()
    found = connect(make_server().start()).get_blob("Ä/call one.wav")
    assert (found.generation, found.metadata, found.content_type) == (blob.generation, blob.metadata, "audio/wav")
    assert found.download_as_bytes() == b"precious"


def test_the_stand_in_still_differs_as_its_documentation_says(bucket: Bucket) -> None:
    """Nothing may be built on these; when one of them is mended, the documentation is to follow."""
    blob = bucket.blob("call.wav")
    blob.upload_from_string(b"one")
    before = blob.generation
    blob.metadata = {"patched": "yes"}
    blob.patch()
    blob.reload()
    assert (blob.generation != before, blob.metageneration) == (True, 1)
    bucket.delete_blob("call.wav", generation=before)
    assert not bucket.blob("call.wav").exists()


def test_a_missing_object_is_not_found(bucket: Bucket) -> None:
    """At once, not after retries."""
    with pytest.raises(exceptions.NotFound):
        bucket.blob("missing.wav").download_as_bytes()
    assert bucket.name == BUCKET
