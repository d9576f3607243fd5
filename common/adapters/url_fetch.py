"""Fetches a recording from a URL that somebody gave us, without becoming their way into our network.

The host is resolved once, every address is checked, and the connection goes to a checked one: a second answer of the
name server changes nothing. No redirects, no credentials in the URL, bounded size and time.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import tempfile
import time
from typing import IO, TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import urllib3

from common.errors import Problem, Rejected, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 256 * 1024
_CONNECT_S = 5
_READ_S = 30
_TOTAL_S = 120
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  #: leads to the IPv4 address in its last 32 bits (RFC 6052)


class UrlFetcher:
    """Downloads to a temporary file."""

    def __init__(self, *, max_bytes: int, allow_private: bool = False, total_s: float = _TOTAL_S) -> None:
        self._max_bytes = max_bytes
        self._allow_private = allow_private
        self._total_s = total_s

    def fetch(self, url: str) -> IO[bytes]:
        """The bytes behind `url`, rewound.

        Raises:
            Rejected, TooLarge: the field is `url`.
        """
        parts, host, port = _parsed(url)
        try:
            address = self._checked_address(host, port)
            with self._pool(parts.scheme, host, address) as pool:
                path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
                response = pool.urlopen(
                    "GET", path, headers={"Host": parts.netloc}, redirect=False, retries=False, preload_content=False
                )
                try:
                    return self._saved(response)
                finally:
                    response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError, http.client.HTTPException) as error:
            raise _rejected(f"could not be fetched: {type(error).__name__}") from error

    def _checked_address(self, host: str, port: int) -> tuple[str, int]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise _rejected(f"names a host that cannot be found: {host}") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(_is_public(address) for address in addresses):
            raise _rejected("leads to a private address; give a public URL, or put the file into the bucket")
        return addresses[0], port

    @staticmethod
    def _pool(scheme: str, host: str, address: tuple[str, int]) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        if scheme == "https":
            return urllib3.HTTPSConnectionPool(*address, timeout=timeout, server_hostname=host, assert_hostname=host)
        return urllib3.HTTPConnectionPool(*address, timeout=timeout)

    def _saved(self, response: urllib3.BaseHTTPResponse) -> IO[bytes]:
        if response.status != 200:  # noqa: PLR2004
            raise _rejected(f"answered {response.status}; redirects are not followed, give the final address")
        saved = tempfile.SpooledTemporaryFile(max_size=self._max_bytes)  # noqa: SIM115  # the caller closes it
        size, stop_at = 0, time.monotonic() + self._total_s
        for chunk in _chunks(response):
            size += len(chunk)
            if size > self._max_bytes:
                raise TooLarge(
                    [
                        Problem(
                            "url", f"has more than {self._max_bytes} bytes; put the file into the bucket and give gs://"
                        )
                    ]
                )
            if time.monotonic() > stop_at:
                raise _rejected(f"took more than {self._total_s:g} s; put the file into the bucket and give gs://")
            saved.write(chunk)
        saved.seek(0)
        return saved


def _parsed(url: str) -> tuple[SplitResult, str, int]:
    """The URL's parts, its host and its port."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # brackets that do not close, a port that is none
        parts, port = urlsplit(""), 0
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise _rejected("must be an http(s):// URL without credentials, or gs://bucket/object")
    return parts, parts.hostname, port


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """What has come, each time some has: a sender that drips is noticed."""
    while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
        yield chunk


def _is_public(address: str) -> bool:
    """Whether an address, and the IPv4 address that an IPv6 one may carry, is nobody's own network."""
    parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        embedded = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF) if parsed in _NAT64 else None
        parsed = embedded or parsed.ipv4_mapped or parsed.sixtofour or parsed
    return parsed.is_global and not parsed.is_multicast


def _rejected(detail: str) -> Rejected:
    return Rejected([Problem("url", detail)])
