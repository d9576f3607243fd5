"""HTTP to addresses that somebody else named: downloads and webhooks.

No redirect is followed, no proxy is used, and unless private addresses are allowed the connection goes to the very
address that was checked, so a name that resolves to something else a moment later (DNS rebinding) gains nothing.
"""

import contextlib
import hashlib
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from deploy.engine.errors import EngineError, FetchFailed

_CHUNK = 256 * 1024
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 60.0
_OK = 200


class Unreachable(EngineError):  # noqa: N818 - it says what the other side was
    """The other side could not be asked; the message says why."""


def download(url: str, target: Path, *, allow_private: bool, max_bytes: int, timeout_s: float) -> str:
    """Write what *url* answers to *target*; return its SHA-256.

    Raises:
        FetchFailed: anything but a 200 with 1 to *max_bytes* bytes within *timeout_s* seconds.
    """
    deadline = time.monotonic() + timeout_s
    digest = hashlib.sha256()
    size = 0
    try:
        with _exchange("GET", url, allow_private=allow_private, timeout_s=_READ_TIMEOUT_S) as answer:
            _refuse_unusable(answer, max_bytes)
            with target.open("wb") as file:
                while chunk := answer.read1(_CHUNK):
                    size += len(chunk)
                    if size > max_bytes:
                        raise FetchFailed(f"the recording has more than {max_bytes} bytes (ENGINE_MAX_DOWNLOAD_BYTES)")
                    if time.monotonic() > deadline:
                        raise FetchFailed(f"the download took over {timeout_s:g} s (ENGINE_DOWNLOAD_TIMEOUT_S)")
                    digest.update(chunk)
                    file.write(chunk)
            if answer.length:
                raise FetchFailed(f"the download broke off after {size} bytes, {answer.length} were still to come")
    except Unreachable as error:
        raise FetchFailed(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"the download failed: {_words(error)}") from error
    if not size:
        raise FetchFailed("the recording's URL answered with an empty body")
    return digest.hexdigest()


def _refuse_unusable(answer: http.client.HTTPResponse, max_bytes: int) -> None:
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the class of redirects
        raise FetchFailed(f"the recording's URL redirects (HTTP {answer.status}): send the final, direct URL")
    if answer.status != _OK:
        raise FetchFailed(f"the recording's URL answered HTTP {answer.status}")
    if answer.headers.get_content_type() == "text/html":
        raise FetchFailed("the recording's URL answers with a web page: send the direct URL of the audio")
    if answer.length is not None and answer.length > max_bytes:
        raise FetchFailed(f"the recording has {answer.length} bytes, more than {max_bytes} (ENGINE_MAX_DOWNLOAD_BYTES)")


def post_json(url: str, body: bytes, *, allow_private: bool, timeout_s: float) -> int:
    """POST *body*, which is JSON; return the status.

    Raises:
        Unreachable: no answer within *timeout_s* seconds.
    """
    try:
        with _exchange("POST", url, allow_private=allow_private, timeout_s=timeout_s, body=body) as answer:
            return answer.status
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(_words(error)) from error


@contextlib.contextmanager
def _exchange(
    method: str, url: str, *, allow_private: bool, timeout_s: float, body: bytes | None = None
) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    connection = _connection(parts, _address(parts, allow_private=allow_private), timeout_s)
    headers = {"User-Agent": "calltrack-engine", "Accept": "*/*", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=headers)
        yield connection.getresponse()
    finally:
        connection.close()


def _address(parts: SplitResult, *, allow_private: bool) -> str:
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"the host {parts.hostname} could not be resolved ({error.strerror})") from error
    addresses = [str(entry[4][0]) for entry in found]
    private = [address for address in addresses if not _is_public(address)]
    if private and not allow_private:
        raise Unreachable(
            f"the host {parts.hostname} is at the private address {private[0]}; "
            "only public ones are asked unless ENGINE_ALLOW_PRIVATE_URLS=true"
        )
    return addresses[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not (mapped or ip).is_multicast


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _connection(parts: SplitResult, address: str, timeout_s: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    plain = _PinnedConnection if parts.scheme == "http" else _PinnedTlsConnection
    connection = plain(host, _port(parts), timeout=timeout_s)
    connection.address = address
    return connection


class _PinnedConnection(http.client.HTTPConnection):
    """Connects to the checked address, whatever the name resolves to by then."""

    address = ""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), min(_CONNECT_TIMEOUT_S, self.timeout or 0))
        self.sock.settimeout(self.timeout)


class _PinnedTlsConnection(_PinnedConnection):
    """The same under TLS; the certificate must be for the name."""

    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
