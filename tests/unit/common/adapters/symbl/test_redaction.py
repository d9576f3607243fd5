"""What a person may read of a call to the engine: enough to see what went wrong, and no secret."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.adapters.symbl.redaction import CUT, LIMIT, answer_text, cut_secrets, request_text, secrets_of

SIGNATURE = "5f" * 128
QUERY = f"X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=21600&X-Goog-Signature={SIGNATURE}"
RECORDING = f"https://storage.example/calls/2026/one.wav?{QUERY}"
ATTEMPT = "0a1b2c3d" * 4
PROOF = "9e8d7c6b" * 4
WEBHOOK = f"https://hooks.example/symbl/abcdefghij234567abcd-1/{ATTEMPT}/{PROOF}"
TOKEN = "q7Zr-" * 12 + "end_"
APP_SECRET = "b43f" * 16
KNOWN = frozenset({TOKEN, APP_SECRET}) | secrets_of(recording_url=RECORDING, webhook_url=WEBHOOK)
#: What must not be left of any of them, in whatever way it was written.
SECRETS = (TOKEN, APP_SECRET, SIGNATURE, PROOF)
JSON = {"Content-Type": "application/json"}

#: How an engine may write what it repeats.
WRITINGS = (
    str,
    json.dumps,
    lambda text: json.dumps(text).replace("/", "\\/"),
    lambda text: text.replace("&", "\\u0026").replace("=", "\\u003d"),
    lambda text: text.replace("&", "&amp;"),
    lambda text: quote(text, safe=""),
    str.upper,
)
said = st.builds(
    lambda text, write: write(text),
    st.sampled_from([*SECRETS, RECORDING, WEBHOOK, QUERY, f"Bearer {TOKEN}", f'{{"accessToken": "{TOKEN}"}}']),
    st.sampled_from(WRITINGS),
)
bodies = st.lists(st.text(max_size=20) | said, max_size=6).map("".join) | st.builds(
    lambda filler, text, more: "x " * filler + text + more, st.integers(LIMIT // 2 - 300, LIMIT // 2), said, st.text()
)


@given(bodies, st.text(max_size=30) | said)
@example("x" * (LIMIT - 20) + TOKEN, "")
@example(TOKEN[:30] + TOKEN + TOKEN[30:], "")
@example("\x00".join(TOKEN), "")
def test_no_secret_survives_in_an_answer(body: str, header: str) -> None:
    """However it is written, wherever it stands, whatever it is cut by."""
    text = answer_text(400, {**JSON, "X-Job-Error": header}, body.encode(errors="replace"), secrets=KNOWN)

    assert [secret for secret in SECRETS if secret.lower() in text.lower()] == []
    assert len(text) <= LIMIT


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("at http://x/y?k=v: 404", "at http://x/y?[cut] 404"),
        ("https:\\/\\/x\\/y?k\\u003dv\\u0026l\\u003dw", "https:\\/\\/x\\/y?[cut]"),
        ("Authorization: Bearer 0123456789abcdef", "Authorization: Bearer [cut]"),
        ('{"accessToken": "0123456789abcdef"}', '{"accessToken": "[cut]"}'),
        ("api-key=0123456789abcdef&x", "api-key=[cut]&x"),
        ("not eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", "not [cut]"),
        (f"/{'0a' * 16}/{'9e' * 16}", f"/{'0a' * 16}/[cut]"),
        ("opaque " + "k7-Z_" * 10, "opaque [cut]"),
    ],
)
def test_what_looks_like_a_secret_is_cut(said: str, left: str) -> None:
    """Whoever made it: an older token, another call's URL."""
    assert cut_secrets(said) == left


def test_a_secret_that_begins_with_another_is_cut_whole() -> None:
    assert cut_secrets("12345678-and-more", {"12345678", "12345678-and-more"}) == CUT


def test_a_signature_is_known_as_it_is_written_and_as_it_is_meant() -> None:
    """An engine may decode what it repeats."""
    secrets = secrets_of(recording_url="https://x/y?Expires=1&Signature=ab%2Bcd%2Fef%3Dgh%2Bijkl", webhook_url="w/p")

    assert secrets == {"ab%2Bcd%2Fef%3Dgh%2Bijkl", "ab+cd/ef=gh+ijkl", "p"}


@given(bodies)
def test_an_answer_that_repeats_another_calls_secrets_repeats_none(body: str) -> None:
    """What a read repeats of a submission is known by its looks alone: its URLs, and an older token."""
    text = cut_secrets(f" {RECORDING} {body.replace(SIGNATURE, '').replace(PROOF, '')} {WEBHOOK} {TOKEN} ")

    assert SIGNATURE not in text
    assert PROOF not in text
    assert f" {TOKEN} " not in text


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=30) | said, max_size=5), st.text(max_size=40))
def test_no_secret_survives_in_a_request(fields: dict[str, str], name: str) -> None:
    body = {"url": RECORDING, "webhookUrl": WEBHOOK, "name": name, **fields, "appSecret": APP_SECRET}
    text = request_text("POST", f"/v1/process?{name}", body, secrets=KNOWN)

    assert [secret for secret in SECRETS if secret.lower() in text.lower()] == []
    assert len(text) <= LIMIT


@given(st.binary(max_size=200), st.integers(0, 999))
def test_any_bytes_become_text_that_is_only_read(body: bytes, status: int) -> None:
    """No character that moves a cursor, turns the direction of writing, or cannot be stored."""
    text = answer_text(status, {}, body)

    assert text.encode().decode() == text
    assert all(character.isprintable() or character in "\n\t\u3000\xa0" or ord(character) > 0xFF for character in text)


def test_a_submission_is_shown_as_it_was_sent() -> None:
    """Without the two proofs: of the recording's URL, and of the webhook's."""
    text = request_text(
        "POST",
        "/v1/process/audio/url",
        {"url": RECORDING, "webhookUrl": WEBHOOK, "name": "Müller, 2. Anruf", "trackers": [{"name": "Pricing"}]},
        secrets=KNOWN,
    )

    assert text == (
        "POST /v1/process/audio/url\n"
        '{"url": "https://storage.example/calls/2026/one.wav?[cut]", '
        f'"webhookUrl": "https://hooks.example/symbl/abcdefghij234567abcd-1/{ATTEMPT}/[cut]", '
        '"name": "Müller, 2. Anruf", "trackers": [{"name": "Pricing"}]}'
    )


def test_short_secrets_are_cut_where_they_are_known_to_stand_and_nowhere_else() -> None:
    """`local` is the engine's on loopback."""
    credentials = {"type": "application", "appId": "local", "appSecret": "local"}

    assert request_text("POST", "/oauth2/token:generate", credentials, secrets={"local"}) == (
        f'POST /oauth2/token:generate\n{{"type": "application", "appId": "local", "appSecret": "{CUT}"}}'
    )


def test_an_answer_is_its_status_its_telling_headers_and_its_body() -> None:
    headers = {**JSON, "Server": "nginx", "Retry-After": "7", "X-Job-Error": "no\r\nspeech"}

    assert answer_text(429, headers, b'{"message": "Too many jobs"}') == (
        '429 Too Many Requests\nRetry-After: 7\nX-Job-Error: no speech\n{"message": "Too many jobs"}'
    )
    assert answer_text(599, {}, b"") == "599"


@pytest.mark.parametrize(
    ("body", "headers", "shown"),
    [
        (b"\x89PNG\r\n\x1a\n", {"Content-Type": "image/png"}, "[8 bytes of image/png]"),
        (b"\xff\xfe", {}, "[2 bytes of an unknown type]"),
        (b"a\x00b", JSON, "[3 bytes of application/json]"),
        (b"\x1b[31mred\x07\r\nnext \xe2\x80\xaeelddir", {}, "\ufffd[31mred\ufffd\nnext \ufffdelddir"),
        ("für 5 €".encode(), {"Content-Type": "text/plain"}, "für 5 €"),
    ],
)
def test_what_is_no_text_is_described_and_what_is_does_no_harm(
    body: bytes, headers: dict[str, str], shown: str
) -> None:
    assert answer_text(200, headers, body) == f"200 OK\n{shown}"


def test_what_was_said_in_a_call_is_described_too() -> None:
    """It belongs to the results, which are erased with the recording."""
    text = answer_text(200, JSON, b'{"messages": ["my card number is"]}', withheld="words of a call")

    assert text == "200 OK\n[35 bytes of application/json: words of a call]"


def test_what_is_too_long_says_how_much_was_cut() -> None:
    text = answer_text(500, {}, b"word " * 1000)

    kept, _, note = text.partition("…")
    assert len(text) == LIMIT
    assert note == f" [{len('500 Internal Server Error') + 1 + 5000 - len(kept)} more characters]"


@pytest.mark.parametrize(
    "text",
    [
        "Token validation failed for provided token.",
        "Bearer authentication required",
        '"url" must be a valid uri: did you mean https://example.com/call.wav?',
        "no transcript for the recording with SHA-256 " + "0f" * 32,
        "job 0b9c1d52-7c1f-4f0e-9a86-3e3c1a0f5d11 of conversation 5123456789012345",
        "What is this? A limit = 50",
    ],
)
def test_plain_words_and_ids_are_left_alone(text: str) -> None:
    """They are what a person looks for."""
    assert cut_secrets(text) == text
