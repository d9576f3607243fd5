"""The one method of Pub/Sub that fake-gcs-server needs: `google.pubsub.v1.Publisher/Publish`, over gRPC.

The two messages are declared here, because google-cloud-pubsub would be a large dependency for two fields.
Source: https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Callable

_Field: TypeAlias = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "google.pubsub.v1"


@dataclasses.dataclass(frozen=True)
class Message:
    """One published message."""

    data: bytes
    attributes: Mapping[str, str]


def _message_classes() -> tuple[Any, Any]:
    """PublishRequest and PublishResponse, with the fields that are used."""
    file = descriptor_pb2.FileDescriptorProto(name="pubsub.proto", package=_PACKAGE, syntax="proto3")
    message = file.message_type.add(name="PubsubMessage")
    message.field.add(name="data", number=1, type=_Field.TYPE_BYTES, label=_Field.LABEL_OPTIONAL)
    entry = message.nested_type.add(name="AttributesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    message.field.add(
        name="attributes",
        number=2,
        type=_Field.TYPE_MESSAGE,
        label=_Field.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.PubsubMessage.AttributesEntry",
    )
    request = file.message_type.add(name="PublishRequest")
    request.field.add(name="topic", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    request.field.add(
        name="messages",
        number=2,
        type=_Field.TYPE_MESSAGE,
        label=_Field.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.PubsubMessage",
    )
    response = file.message_type.add(name="PublishResponse")
    response.field.add(name="message_ids", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PublishRequest")),
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PublishResponse")),
    )


class Publisher:
    """Serves Publish and hands each message to *receive*, which returns its id.

    The publisher gets its answer after *receive* has returned for each of its messages, and one id per message:
    fake-gcs-server dies of fewer ("index out of range").
    """

    def __init__(self, receive: Callable[[Message], str]) -> None:
        self._receive = receive
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2, thread_name_prefix="pubsub grpc"))
        self._request, self._response = _message_classes()

    def start(self) -> str:
        """Serve on a free port of loopback: the value for PUBSUB_EMULATOR_HOST."""
        publish = grpc.unary_unary_rpc_method_handler(
            self._publish,
            request_deserializer=self._request.FromString,
            response_serializer=self._response.SerializeToString,
        )
        handler = grpc.method_handlers_generic_handler(f"{_PACKAGE}.Publisher", {"Publish": publish})
        self._server.add_generic_rpc_handlers((handler,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop serving."""
        self._server.stop(0.2).wait()

    def _publish(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: ANN401 - classes made at run time
        ids = [self._receive(Message(m.data, dict(m.attributes))) for m in request.messages]
        return self._response(message_ids=ids)
