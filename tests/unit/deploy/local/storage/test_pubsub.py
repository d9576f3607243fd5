"""The one method of Pub/Sub that fake-gcs-server calls."""

from __future__ import annotations

import grpc

from deploy.local.storage.pubsub import Message, Publisher

# Two messages on one topic, as google.pubsub.v1 writes them: the second has an attribute "k" of "v".
REQUEST = b"\x0a\x05topic\x12\x05\x0a\x03one\x12\x0d\x0a\x03two\x12\x06\x0a\x01k\x12\x01v"


def test_each_message_is_handed_over_and_gets_an_id_of_its_own() -> None:
    """Fewer ids than messages would end fake-gcs-server."""
    received: list[Message] = []

    def receive(message: Message) -> str:
        received.append(message)
        return f"id{len(received)}"

    publisher = Publisher(receive)
    with grpc.insecure_channel(publisher.start()) as channel:
        publish: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        answer = publish(REQUEST, timeout=5)
    publisher.stop()
    assert received == [Message(b"one", {}), Message(b"two", {"k": "v"})]
    assert answer == b"\x0a\x03id1\x0a\x03id2"
