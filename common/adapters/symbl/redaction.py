"""One call to the engine as a person may read it: whoever has such a text can call nobody with it.

What the caller knows to be secret is cut wherever it stands; what only looks like it (a URL's query, a token, a
webhook's proof) is cut from what the engine says too, since an engine may repeat what it was told in another call.
Better a harmless word too many than a secret: what is left is for a person's eyes.
"""

from __future__ import annotations

import json
import re
from http.client import responses
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

CUT = "[cut]"
#: Characters of a request, and of an answer, that are kept.
LIMIT = 2000
#: A shorter secret is nobody's (`local`, on loopback): cutting it would take half of the words of a text with it.
SHORTEST_SECRET = 8
#: A value in the query of a signed URL that is shorter grants nothing: a date, a number of seconds, a generation.
_SHORTEST_GRANT = 20
#: What of an answer's headers tells a person more than its status does; `X-Job-Error` is a header of our engine's.
TELLING_HEADERS = ("Retry-After", "X-Request-Id", "X-Job-Error")

_EQUALS = r"(?:=|%3D|\\u003d)"
_SLASH = r"(?:\\?/|%2F)"
_NAMED = r"(?:token|secret|signature|password|credential|api-?key)"
_SHAPES = (
    # A query, in whatever escaping: signed URLs carry their proof in it.
    (re.compile(rf"(?i)(\?|%3F|\\u003f)[^\s\"'<>?=%\\]{{1,100}}{_EQUALS}[^\s\"'<>]*"), rf"\1{CUT}"),
    # What `common.model.webhook` signs: an attempt's id, then 32 hexadecimal characters.
    (re.compile(rf"(?i)([0-9a-f]{{32}}{_SLASH})[0-9a-f]{{32}}"), rf"\1{CUT}"),
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[^\s\"',<>]{16,}"), rf"\1 {CUT}"),
    (re.compile(rf"(?i)({_NAMED}[\"']?\s*(?::|{_EQUALS})\s*[\"']?)[^\s\"'<>,;&}}]{{16,}}"), rf"\1{CUT}"),
    (re.compile(r"(?a)(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]+){1,4}"), CUT),  # a JSON web token
    # A long opaque word, but for a SHA-256: that names a recording.
    (re.compile(r"(?a)(?<![\w-])(?![0-9a-f]{64}(?![\w-]))[\w-]{48,}"), CUT),
)
#: Control characters, marks that turn the direction of writing, halves of surrogate pairs (which no store takes).
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def cut_secrets(text: str, secrets: Collection[str] = ()) -> str:
    """What the engine says without `secrets`, without what looks like one, and without characters that do harm."""
    text = _cut_known(text, secrets)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def _cut_known(text: str, secrets: Collection[str]) -> str:
    text = _HARMFUL.sub("\ufffd", text.replace("\r\n", "\n"))  # in their place: nothing that they kept apart may join
    known = sorted((secret for secret in secrets if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, known)), CUT, text, flags=re.IGNORECASE) if known else text


def secrets_of(*, recording_url: str, webhook_url: str) -> frozenset[str]:
    """What a submission's two URLs hold that nobody else may have: as it is written there, and as it is meant."""
    values = (pair.partition("=")[2] for pair in urlsplit(recording_url).query.split("&"))
    grants = {value for value in values if len(value) >= _SHORTEST_GRANT}
    return frozenset({*grants, *map(unquote, grants), webhook_url.rpartition("/")[2]})


def request_text(
    method: str, target: str, body: Mapping[str, object] | None = None, *, secrets: Collection[str] = ()
) -> str:
    """The request line without a host, and the JSON that was sent. Headers are left out: they hold the token.

    Only what is known to be secret is cut: nothing else of it came from elsewhere.
    """
    lines = [f"{method} {target}"]
    if body is not None:
        lines.append(json.dumps(_spared(body), ensure_ascii=False))
    return _fitted(_cut_known("\n".join(lines), secrets))


def answer_text(
    status: int, headers: Mapping[str, str], body: bytes, *, secrets: Collection[str] = (), withheld: str | None = None
) -> str:
    """The status, the headers that tell something, and the body; in its place its size where it is `withheld`: why."""
    lines = [f"{status} {responses.get(status, '')}".rstrip()]
    lines += [
        f"{name}: {cut_secrets(headers[name], secrets)}".replace("\n", " ")
        for name in TELLING_HEADERS
        if name in headers
    ]
    text = None if withheld else _text(body)
    if text is None:
        kind = cut_secrets(headers.get("Content-Type", "an unknown type"), secrets).replace("\n", " ")
        lines.append(f"[{len(body)} bytes of {kind}{f': {withheld}' if withheld else ''}]")
    elif text:
        lines.append(cut_secrets(text, secrets))
    return _fitted("\n".join(lines))


def _spared(body: Mapping[str, object]) -> dict[str, object]:
    """The body without what its members are known to hold, however short that is."""
    spared = dict(body)
    if "url" in spared:
        address, mark, _ = str(spared["url"]).partition("?")
        spared["url"] = address + (mark and f"?{CUT}")
    if "webhookUrl" in spared:
        spared["webhookUrl"] = f"{str(spared['webhookUrl']).rpartition('/')[0]}/{CUT}"
    if "appSecret" in spared:
        spared["appSecret"] = CUT
    return spared


def _text(body: bytes) -> str | None:
    """The body as text, if it is that."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _fitted(text: str) -> str:
    """At most LIMIT characters, the note of how many were cut included."""
    if len(text) <= LIMIT:
        return text
    room = LIMIT - len(_note(len(text)))
    return text[:room] + _note(len(text) - room)


def _note(characters: int) -> str:
    return f"… [{characters} more characters]"
