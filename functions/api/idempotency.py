"""The header `Idempotency-Key`: a call that is sent again gets the first answer, and nothing is done twice.

What a killed call leaves behind is a lease that lapses. Whoever then sends the call again does it again: the operations
behind it find what they did (an upload under the call's own name, a replay under way), so that is done once too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from datetime import datetime
from typing import TYPE_CHECKING

import flask

from common import log
from common.bootstrap import services
from common.errors import TryLater
from common.model.idempotency import KeptAnswer, checked_key
from functions import _edge

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue
    from werkzeug.datastructures import FileStorage

_CHUNK = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class NamedCall:
    """What is the same each time that a call is sent: an id of it with its content, and when it first began."""

    id: str
    begun_at: datetime


def named_call() -> NamedCall | None:
    """The call that is being served, if its caller has given it a key."""
    found: NamedCall | None = flask.g.get("named_call")
    return found


def idempotently(request: flask.Request, view: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """The answer of `view`, or the one that the same call got before. Without the header it costs nothing.

    Only what changed something is kept: a refusal may be mended, and sent again under the same key.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return view()
    s = services()
    key = hashlib.sha256(f"{_edge.caller().name}\n{checked_key(given)}".encode()).hexdigest()
    holder = s.new_id()
    call = s.idempotency.begin(key, fingerprint=_fingerprint(request), holder=holder, now=s.clock())
    if call.answer is not None:
        log.event("call_repeated")
        return _shown(call.answer)
    flask.g.named_call = NamedCall(
        id=hashlib.sha256(f"{key}\n{call.fingerprint}".encode()).hexdigest()[:32], begun_at=call.begun_at
    )
    try:
        response = flask.make_response(view())
    except Exception:
        _quietly(lambda: s.idempotency.forget(key, holder=holder))
        raise
    _quietly(lambda: s.idempotency.keep(key, holder=holder, answer=_kept(response)))
    return response


def _quietly(keep: Callable[[], None]) -> None:
    """What the call did is done: if that cannot be noted now, its caller need not know."""
    try:
        keep()
    except TryLater as error:
        log.warning("idempotency_not_kept", reason=str(error))


def _kept(response: flask.Response) -> KeptAnswer:
    return KeptAnswer(
        status=response.status_code,
        content_type=response.content_type or "application/json",
        body=zlib.compress(response.get_data()),
        location=response.headers.get("Location"),
        etag=response.headers.get("ETag"),
    )


def _shown(kept: KeptAnswer) -> flask.Response:
    response = flask.Response(zlib.decompress(kept.body), status=kept.status, content_type=kept.content_type)
    for name, value in (("Location", kept.location), ("ETag", kept.etag), ("Idempotent-Replayed", "true")):
        if value is not None:
            response.headers[name] = value
    return response


def _fingerprint(request: flask.Request) -> str:
    """SHA-256 of what is asked for. Of a form its parts: each sending has a boundary of its own."""
    digest = hashlib.sha256(f"{request.method} {request.path}?{request.query_string.decode('latin-1')}\n".encode())
    if request.mimetype != "multipart/form-data":
        digest.update(request.mimetype.encode() + b"\n" + request.get_data())
        return digest.hexdigest()
    fields = sorted(request.form.items(multi=True))
    digest.update(json.dumps(fields).encode())
    for name, file in sorted(request.files.items(multi=True), key=lambda item: item[0]):
        digest.update(json.dumps([name, file.filename, _content_hash(file)]).encode())
    return digest.hexdigest()


def _content_hash(file: FileStorage) -> str:
    """Of all its bytes; leaves it rewound."""
    digest = hashlib.sha256()
    while chunk := file.stream.read(_CHUNK):
        digest.update(chunk)
    file.stream.seek(0)
    return digest.hexdigest()
