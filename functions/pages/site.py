"""The frame of every page: where links lead, which assets there are, how a template becomes a response."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

import flask
import jinja2

from common.errors import NotFound
from common.model.access import Role
from common.model.transcript import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.model.access import Caller

_HERE = Path(__file__).parent
_CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'none'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@dataclasses.dataclass(frozen=True)
class Asset:
    """A file that pages load; its address changes with its content, so that browsers may keep it for ever."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """The first 10 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.content).hexdigest()[:10]

    @property
    def path(self) -> str:
        """Its address, without the base path."""
        return f"/assets/{self.digest}/{self.name}"


@functools.cache
def assets() -> Mapping[str, Asset]:
    """All of them, by name."""
    return {file.name: Asset(file.name, file.read_bytes()) for file in sorted((_HERE / "assets").iterdir())}


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["clock"] = clock
    return environment


@dataclasses.dataclass(frozen=True)
class Site:
    """The pages as they stand at one public address; `base_path` is "" or "/something", without a slash at its end."""

    base_path: str = ""

    @classmethod
    def at(cls, public_base_url: str) -> Site:
        """The site of this address."""
        return cls(urlsplit(public_base_url).path.rstrip("/"))

    def path_of(self, path: str) -> str:
        """The path of a request below the base path, which some front ends strip and others leave."""
        inside = self.base_path and (path == self.base_path or path.startswith(f"{self.base_path}/"))
        return path[len(self.base_path) :] or "/" if inside else path

    def link(self, path: str, **query: str | list[str] | None) -> str:
        """The address of a page; parameters that are None or empty are left out."""
        given = {name: value for name, value in query.items() if value}
        return f"{self.base_path}{quote(path)}{'?' if given else ''}{urlencode(given, doseq=True)}"

    def asset_link(self, name: str) -> str:
        """The address of an asset."""
        return self.link(assets()[name].path)

    def asset(self, digest: str, name: str) -> flask.Response:
        """An asset, to be kept for a year.

        Raises:
            NotFound: there is no such content; a page that names it is older than this version.
        """
        asset = assets().get(name)
        if asset is None or asset.digest != digest:
            raise NotFound("There is no such asset; reload the page that asks for it.")
        response = flask.Response(asset.content, content_type=_CONTENT_TYPES[Path(name).suffix])
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    def page(
        self,
        template: str,
        *,
        media_origin: str | None = None,
        policy: Mapping[str, str] | None = None,
        **context: object,
    ) -> flask.Response:
        """A page that loads nothing from elsewhere but audio from `media_origin`; `policy` widens or narrows that."""
        caller: Caller | None = flask.g.get("caller") if flask.has_app_context() else None
        html = (
            _templates()
            .get_template(template)
            .render(
                link=self.link,
                asset_link=self.asset_link,
                caller=caller,
                may=lambda role: caller is not None and caller.role.covers(Role(role)),
                **context,
            )
        )
        response = flask.Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = content_security_policy(media_origin, policy)
        return response


def content_security_policy(media_origin: str | None = None, changes: Mapping[str, str] | None = None) -> str:
    """The policy of every page: scripts, styles and data of our own only, none of them inline."""
    policy = {**_POLICY, "media-src": media_origin or _POLICY["media-src"], **(changes or {})}
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
