import contextlib
import datetime as dt
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.engine.errors import FetchFailed
from deploy.engine.wire import download

AUDIO = b"audio" * 100


class Recording(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(AUDIO) + (1000 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(AUDIO)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def fetched(url: str, tmp_path: Path, *, allow_private: bool = True) -> bytes:
    target = tmp_path / "audio"
    download(url, target, allow_private=allow_private, max_bytes=10**6, timeout_s=10)
    return target.read_bytes()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `localhost` that signs itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    encoding = serialization.Encoding.PEM
    path.write_bytes(
        signed.public_bytes(encoding)
        + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def test_a_recording_comes_over_tls_by_its_name(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the checked address, the certificate must be for the name."""
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serving(context) as port:
        assert fetched(f"https://localhost:{port}/call", tmp_path) == AUDIO
        with pytest.raises(FetchFailed, match="certificate"):
            fetched(f"https://127.0.0.1:{port}/call", tmp_path)


def test_an_unknown_certificate_is_refused(certificate: tuple[Path, ssl.SSLContext], tmp_path: Path) -> None:
    with serving(certificate[1]) as port, pytest.raises(FetchFailed, match="certificate verify failed"):
        fetched(f"https://localhost:{port}/call", tmp_path)


def test_a_download_that_breaks_off_is_no_recording(tmp_path: Path) -> None:
    with serving() as port, pytest.raises(FetchFailed, match="broke off after 500 bytes, 1000 were still to come"):
        fetched(f"http://127.0.0.1:{port}/cut", tmp_path)


def test_nobody_listening_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(FetchFailed, match="refused"):
        fetched(f"http://127.0.0.1:{port}/call", tmp_path)


def test_an_unknown_host_is_told(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match=r"nowhere\.invalid could not be resolved"):
        fetched("http://nowhere.invalid/call", tmp_path)


PRIVATE = (
    "127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 0.0.0.0 "
    "::1 fe80::1 fd00::1 ::ffff:10.0.0.1"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_no_private_address_is_asked(address: str, tmp_path: Path) -> None:
    """Neither this machine nor its network, in any spelling."""
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    with pytest.raises(FetchFailed, match="private address"):
        fetched(f"http://{host}:9/", tmp_path, allow_private=False)
