"""A page as a browser would take it apart: its text, its links, what it loads."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements with their attributes, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self.source = html
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str, class_: str | None = None) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (class_ is None or class_ in attributes.get("class", "").split())
        ]

    @property
    def links(self) -> list[str]:
        """Where its anchors lead."""
        return [attributes["href"] for attributes in self.all("a")]

    @property
    def ids(self) -> set[str]:
        """Every id."""
        return {attributes["id"] for _, attributes in self.elements if "id" in attributes}
