"""Recordings by URL: nobody's way into our network, bounded in size and time."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.url_fetch import UrlFetcher, _is_public
from common.errors import Rejected, TooLarge
from tests.symbl_stand_in import Answer, Fault, Script, SymblStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[SymblStandIn]:
    """Any HTTP server that does as it is told."""
    stand_in = SymblStandIn()
    yield stand_in
    stand_in.close()


def refusal(fetcher: UrlFetcher, url: str) -> str:
    with pytest.raises(Rejected) as caught:
        fetcher.fetch(url)
    assert caught.value.problems[0].field == "url"
    return caught.value.problems[0].detail


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "017700000001", "127.1", "0", "0.0.0.0", "10.1.2.3",
     "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[::1]", "[::]", "[::ffff:10.0.0.1]",
     "[::ffff:a00:1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1",
     "255.255.255.255"],
)  # fmt: skip
def test_an_address_of_ours_is_refused_however_it_is_spelled(host: str) -> None:
    """Before a byte is sent."""
    assert refusal(UrlFetcher(max_bytes=10), f"http://{host}/a.wav").startswith(
        ("leads to a private address", "names a host that cannot be found")
    )


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2001:4860:4860::8888", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
     ("2002:808:808::", True), ("::ffff:127.0.0.1", False), ("64:ff9b::a00:1", False), ("fe80::1%eth0", False)],
)  # fmt: skip
def test_public_addresses_are_taken_in_every_family(address: str, public: bool) -> None:  # noqa: FBT001
    """An IPv6 address is as private as the IPv4 address that it carries."""
    assert _is_public(address) is public


@pytest.mark.parametrize(
    "url",
    ["ftp://h/a", "file:///etc/passwd", "http://", "http:///a", "//h/a", "http://user@h/a", "http://:pw@h/a",
     "http://h:99999/a", "http://h:x/a", "http://[::1/a", "gs:/b"],
)  # fmt: skip
def test_only_plain_web_addresses_are_followed(url: str) -> None:
    """No other scheme, no credentials, no broken port."""
    assert "http(s):// URL" in refusal(UrlFetcher(max_bytes=10), url)


@given(
    st.text(max_size=30),
    st.sampled_from(["http://127.0.0.1:", "http://127.0.0.1/", "https://[", "http://x@", "data:", ""]),
)
def test_any_text_is_refused_by_its_field(text: str, head: str) -> None:
    """Never another error."""
    refusal(UrlFetcher(max_bytes=10), head + text)


def test_a_recording_is_fetched_and_rewound(server: SymblStandIn) -> None:
    """Path and query as they were given; the bytes as they are stored, encoded or not."""
    server.on("/a b.wav", Answer(404)).on("/a%20b.wav", Answer(body=b"bytes", headers=(("Content-Encoding", "gzip"),)))

    with UrlFetcher(max_bytes=5, allow_private=True).fetch(f"{server.url}/a%20b.wav?X=1&Y=2#part") as fetched:
        assert fetched.read() == b"bytes"
    assert server.requests[-1].query == "X=1&Y=2"


@pytest.mark.parametrize(
    ("answer", "mend"),
    [
        (Answer(302, b"", (("Location", "http://127.0.0.1/"),)), "redirects are not followed"),
        (Answer(404, b""), "answered 404"),
        (Answer(206, b"part"), "answered 206"),
        (Fault.RESET, "could not be fetched"),
    ],
)
def test_anything_but_the_recording_is_refused(server: SymblStandIn, answer: Script, mend: str) -> None:
    """And a redirect leads nowhere."""
    server.on("/a.wav", answer)

    assert mend in refusal(UrlFetcher(max_bytes=99, allow_private=True), f"{server.url}/a.wav")
    assert len(server.requests) == 1


def test_a_file_over_the_limit_names_the_other_way_in(server: SymblStandIn) -> None:
    """Whatever length it announced."""
    server.on("/a.wav", Answer(body=bytes(1001)))

    with pytest.raises(TooLarge) as caught:
        UrlFetcher(max_bytes=1000, allow_private=True).fetch(f"{server.url}/a.wav")
    assert "gs://" in caught.value.problems[0].detail


def test_a_sender_that_drips_is_given_up() -> None:
    """A byte now and then keeps every read time-out happy."""
    gone = threading.Event()

    class Dripping(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while not gone.wait(0.02):
                    self.wfile.write(b".")
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/a.wav"
        assert "took more than 0.2 s" in refusal(UrlFetcher(max_bytes=10**6, allow_private=True, total_s=0.2), url)
    finally:
        gone.set()
        server.shutdown()
        server.server_close()
