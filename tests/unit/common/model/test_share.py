from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.share import ShareLink, link_of, share_token

SECRET = "a-secret-of-many-characters"
secrets = st.text(min_size=1, max_size=40)
links = st.builds(
    ShareLink,
    recording_id=st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True),
    expires_at=st.none()
    | st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001  # hypothesis adds the zone
        lambda at: at.replace(microsecond=0)
    ),
    with_transcript=st.booleans(),
)
LINK = ShareLink(recording_id="abcdefghijklmnopqrst", expires_at=datetime(2026, 3, 31, 12, tzinfo=UTC))
TOKEN = share_token(LINK, secret=SECRET)


@given(links, secrets)
def test_a_link_is_read_as_it_was_signed(link: ShareLink, secret: str) -> None:
    """Recording, expiry and options; the token can stand in a URL's path as it is."""
    token = share_token(link, secret=secret)

    assert link_of(token, secrets=[secret]) == link
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.integers(0, len(base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))) * 8 - 1))
def test_no_bit_of_it_can_be_changed(bit: int) -> None:
    """Version, options, key, expiry, recording, proof: each is signed."""
    raw = bytearray(base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4)))
    raw[bit // 8] ^= 1 << bit % 8

    assert link_of(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), secrets=[SECRET]) is None


@given(st.integers(0, len(TOKEN) - 1), st.text(max_size=3))
def test_no_character_of_it_can_be_spelled_otherwise(place: int, instead: str) -> None:
    """Not even the last one, some bits of which say nothing: one link has one token."""
    other = TOKEN[:place] + instead + TOKEN[place + 1 :]

    assert (link_of(other, secrets=[SECRET]) is None) == (other != TOKEN)


@given(st.text(max_size=400) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_what_nobody_has_signed_is_nothing(token: str) -> None:
    """Whatever it is, reading it raises nothing."""
    assert link_of(token, secrets=[SECRET]) is None


@given(links, st.lists(secrets, min_size=1, max_size=4, unique=True), st.data())
def test_any_secret_that_is_still_known_will_do(link: ShareLink, known: list[str], data: st.DataObject) -> None:
    """The newest signs, all verify; a link of a forgotten one is nothing."""
    signer = data.draw(st.sampled_from(known))
    token = share_token(link, secret=signer)

    assert link_of(token, secrets=known) == link
    assert link_of(token, secrets=[other for other in known if other != signer]) is None


def test_a_link_says_nothing_of_its_secret_in_clear() -> None:
    """The key is derived: the webhook's HMAC of the same secret is of no use here."""
    assert base64.urlsafe_b64encode(SECRET.encode()).decode()[:10] not in TOKEN
    assert share_token(LINK, secret=SECRET) == TOKEN != share_token(LINK, secret=SECRET + "x")


@pytest.mark.parametrize(("after_s", "expired"), [(-1, False), (0, True), (1, True)])
def test_a_link_expires_to_the_second(after_s: int, *, expired: bool) -> None:
    """At its end it is over; one without an end never is."""
    end = LINK.expires_at
    assert end is not None
    now = end + timedelta(seconds=after_s)

    assert LINK.is_expired(now) is expired
    assert not ShareLink(recording_id="r", expires_at=None).is_expired(now)
