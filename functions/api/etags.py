"""Entity tags (RFC 9110, 8.8.3): what is as it was read need not be sent again, and what is not is not overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.http import parse_etags, quote_etag

from common.errors import ChangedMeanwhile
from common.model.answers import instant, recording_answer
from common.model.versions import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.conversation import ConversationMetadata
    from common.model.job import SymblAsyncRequest


def etag_of(answer: Mapping[str, object]) -> str:
    """The tag of a JSON answer: its version, in quotes."""
    return quote_etag(version_of(answer))


def etag_of_recording(conversation: ConversationMetadata, request: SymblAsyncRequest | None) -> str:
    """The tag of a recording in whichever view: of what is known of it, and of how far each section of its results is.

    It is known without reading the results, which are stored together with the state of their sections.
    """
    sections = [(section.name, section.count, instant(section.at)) for section in request.sections] if request else []
    return etag_of({"recording": recording_answer(conversation, request), "sections": sections})


def expect_match(given: str | None, current: str | None) -> None:
    """That an If-Match header, or the field of a form that stands in for it, names the current tag; None asks nothing.

    A tag counts whether or not it is marked as weak: proxies that compress answers mark them so.

    Raises:
        ChangedMeanwhile: it names another one; the message has both.
    """
    if given is None:
        return
    known = parse_etags(given)
    if current is not None and known.contains_weak(current.strip('"')):
        return
    raise ChangedMeanwhile(
        f"If-Match says {given[:200]}, but what is there has {current or 'no ETag: there is nothing'}: somebody has "
        "changed it meanwhile. Read it again and apply your change to that."
    )


def is_known(given: str | None, current: str) -> bool:
    """Whether an If-None-Match header names the current tag."""
    return given is not None and parse_etags(given).contains_weak(current.strip('"'))
