"""What companies have settled, as forms: text to JSON and back. What is valid, `company_settings` says. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from common.errors import Problem, Rejected
from common.model.business_ux import BusinessUX
from common.model.recording import LANGUAGES, MAX_SPEAKERS, Role
from common.model.versions import version_of
from functions.pages.company_settings import business_ux_answer, business_ux_from, defaults_answer, defaults_from
from functions.pages.words import MISSING, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.model.company import CompanyDefaults

_OFFSET = re.compile(r"(?P<sign>[+\N{MINUS SIGN}-]?)(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d)")
_NONE = ""
_LIVES: Mapping[str, str] = {
    "3600": "an hour",
    "86400": "a day",
    "604800": "7 days",
    "2592000": "30 days",
    "7776000": "90 days",
    "31536000": "a year",
    "never": "for ever",
}
_LOOK_COLOURS = ("color_background", "color_topics_filter", "color_insights_filter")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One field: `kind` is text, colour, lines, choice or check; `problem` what is wrong with what was given."""

    name: str
    label: str
    value: str
    kind: str = "text"
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    problem: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """Where somebody else has settled something else meanwhile."""

    what: str
    yours: str
    theirs: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """One of a business's forms: its fields in groups, one a tracker; `version` is that of what was read."""

    part: str
    title: str
    groups: tuple[tuple[Field, ...], ...]
    version: str
    problems: tuple[str, ...] = ()
    is_overtaken: bool = False
    differences: tuple[Difference, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"form-{self.part}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Business:
    """A line of the list."""

    company: str
    display_name: str | None = None
    prefix: str | None = None
    trackers: int = 0
    has_look: bool = False


def businesses(
    settled: Mapping[str, tuple[CompanyDefaults, BusinessUX | None]], known: Iterable[str]
) -> list[Business]:
    """The companies that have settled something, and those that have calls, by name."""
    rows = {company: Business(company=company) for company in known}
    for company, (defaults, ux) in settled.items():
        rows[company] = Business(
            company=company,
            display_name=ux.display_name if ux else None,
            prefix=defaults.prefix,
            trackers=len(defaults.trackers),
            has_look=ux is not None,
        )
    return sorted(rows.values(), key=lambda row: (row.company.casefold(), row.company))


# The three parts: each turns a row into the text of its fields, and that text into the JSON that the API would take


@dataclasses.dataclass(frozen=True)
class Part:
    """One form's way from a row to text and back; `Row` stands for its row, which is None where nothing is settled."""

    name: str
    title: str
    texts: Callable[[Any], dict[str, str]]
    settled: Callable[[str, Any, Mapping[str, str]], Any]  #: company, stored row, text; raises Rejected
    groups: Callable[[Mapping[str, str]], tuple[tuple[Field, ...], ...]]
    shown: Callable[[Any], Mapping[str, object]]  #: what its version follows from

    def form(self, row: Any) -> Form:  # noqa: ANN401  # its row
        """The form of what is stored."""
        return self._form(self.texts(row), version=self.version(row))

    def version(self, row: Any) -> str:  # noqa: ANN401  # its row
        """Of what this form changes of the row, and of nothing else."""
        return version_of(self.shown(row))

    def rejected(self, texts: Mapping[str, str], problems: Sequence[Problem]) -> Form:
        """The form as it was sent, each mistake beside its field."""
        form = self._form(texts, version=texts.get("version", ""))
        names = {field.name for group in form.groups for field in group}
        by_field: dict[str, list[str]] = {}
        general = []
        for problem in problems:
            name = next((name for name in _places(problem.field) if name in names), None)
            if name is None:
                general.append(f"{problem.field}: {problem.detail}")
            else:
                by_field.setdefault(name, []).append(_line_of(problem) + problem.detail)
        return dataclasses.replace(
            form,
            problems=tuple(general),
            groups=tuple(
                tuple(dataclasses.replace(field, problem="; ".join(by_field.get(field.name, ()))) for field in group)
                for group in form.groups
            ),
        )

    def overtaken(self, texts: Mapping[str, str], row: Any) -> Form:  # noqa: ANN401  # its row
        """The form as it was sent, and where what is stored now differs; sent again, it replaces that."""
        form = self._form(texts, version=self.version(row))
        theirs = self.texts(row)
        either = {**texts, **{name: text for name, text in theirs.items() if text}}
        fields = {field.name: field for group in self.groups(either) for field in group}
        return dataclasses.replace(
            form,
            is_overtaken=True,
            differences=tuple(
                Difference(
                    what=_what(field),
                    yours=_shown(field, texts.get(name, "")),
                    theirs=_shown(field, theirs.get(name, "")),
                )
                for name, field in fields.items()
                if field.kind != "remove" and _plain(texts.get(name, "")) != _plain(theirs.get(name, ""))
            ),
        )

    def _form(self, texts: Mapping[str, str], *, version: str) -> Form:
        return Form(part=self.name, title=self.title, groups=self.groups(texts), version=version)


# Look


def _look_texts(row: BusinessUX | None) -> dict[str, str]:
    shown = row or BusinessUX(company="")
    life = shown.summary_url_expires_in
    return {
        **{name: getattr(shown, name) or "" for name in ("display_name", "logo", "favicon", *_LOOK_COLOURS)},
        "font_family": shown.font_family or "",
        "allowed_origins": "\n".join(shown.allowed_origins),
        "summary_url_expires_in": "never" if life is None else str(int(life.total_seconds())),
        "read_only": "yes" if shown.read_only else "",
    }


def _look_body(texts: Mapping[str, str]) -> dict[str, object]:
    life = texts.get("summary_url_expires_in", "")
    given: dict[str, object] = {
        name: texts.get(name, "").strip() or None
        for name in ("display_name", "logo", "favicon", *_LOOK_COLOURS, "font_family")
    }
    return given | {
        "allowed_origins": _lines(texts.get("allowed_origins", "")),
        "summary_url_expires_in": None
        if life == "never"
        else int(life)
        if re.fullmatch(r"[0-9]{1,12}", life)
        else life,
        "read_only": bool(texts.get("read_only")),
    }


def _settled_look(company: str, _: object, texts: Mapping[str, str]) -> BusinessUX:
    return business_ux_from(company, json.dumps(_look_body(texts)).encode())


def shown_look(texts: Mapping[str, str]) -> tuple[BusinessUX, list[Problem]]:
    """The look in a form's present values, for a preview: what cannot be used is left out, and named."""
    given = {name: value for name, value in _look_body(texts).items() if value is not None and name not in _NOT_SHOWN}
    try:
        return business_ux_from("", json.dumps(given).encode()), []
    except Rejected as error:
        wrong = {problem.field.split(".")[0] for problem in error.problems}
        left = {name: value for name, value in given.items() if name not in wrong}
        return business_ux_from("", json.dumps(left).encode()), list(error.problems)


def label_in_look(name: str) -> str:
    """What the form of the look calls a field."""
    labels = {field.name: field.label for group in _look_groups({}) for field in group}
    return labels.get(name.partition(".")[0], name)


def previewed(form: Form) -> dict[str, str]:
    """The parameters of a preview of the form as it stands."""
    return {field.name: field.value for group in form.groups for field in group if field.name not in _NOT_SHOWN}


_NOT_SHOWN = frozenset({"allowed_origins", "summary_url_expires_in", "read_only"})


def _look_groups(texts: Mapping[str, str]) -> tuple[tuple[Field, ...], ...]:
    def field(name: str, label: str, **more: Any) -> Field:  # noqa: ANN401  # a Field's
        return Field(name=name, label=label, value=texts.get(name, ""), **more)

    life = texts.get("summary_url_expires_in", "")
    lives = _LIVES if life in _LIVES or not life.isdecimal() else {life: f"{life} seconds", **_LIVES}
    return (
        (
            field("display_name", "Name on the page", hint="Instead of the company's name."),
            field("logo", "Logo", hint="A URL that begins with https://"),
            field("favicon", "Icon of the browser's tab", hint="A URL that begins with https://"),
            field("color_background", "Background", kind="colour"),
            field("color_topics_filter", "Topics", kind="colour"),
            field("color_insights_filter", "Questions and tasks", kind="colour"),
            field("font_family", "Fonts", hint="Names with commas between them, of fonts that readers have."),
            field(
                "allowed_origins",
                "Sites that may embed the page",
                kind="lines",
                hint="One a line, such as https://crm.example.com; nobody else may.",
            ),
            field("summary_url_expires_in", "Links live", kind="choice", options=tuple(lives.items())),
            field("read_only", "Read only", kind="check", hint="On the engine's own page; ours always is."),
        ),
    )


# Defaults


def _defaults_texts(row: CompanyDefaults) -> dict[str, str]:
    return {
        "language_code": row.language_code,
        "timezone_offset": offset_text(row.timezone_offset),
        "custom_vocabulary": "\n".join(row.custom_vocabulary),
        "prefix": row.prefix or "",
        **{f"channel-{number}": role.value for number, role in enumerate(row.channel_roles, start=1)},
    }


def _settled_defaults(company: str, stored: CompanyDefaults, texts: Mapping[str, str]) -> CompanyDefaults:
    """All but the trackers, which stay as they are."""
    offset = texts.get("timezone_offset", "").strip()
    minutes = offset_minutes(offset)
    own = []
    if minutes is None:
        own.append(Problem("timezone_offset", f"must be hours:minutes, such as -05:00 (got {offset[:20]!r})"))
    roles = [texts.get(f"channel-{number}", _NONE) for number in range(1, MAX_SPEAKERS + 1)]
    given = {
        "language_code": texts.get("language_code", ""),
        "timezone_offset": minutes or 0,
        "custom_vocabulary": _lines(texts.get("custom_vocabulary", "")),
        "prefix": texts.get("prefix", "").strip() or None,
        "channel_roles": list(itertools.takewhile(bool, roles)),
    }
    row = _all_problems(lambda: defaults_from(company, json.dumps(given).encode()), own)
    return dataclasses.replace(row, trackers=stored.trackers)


def _defaults_groups(texts: Mapping[str, str]) -> tuple[tuple[Field, ...], ...]:
    roles = (("", "no more"), *((role.value, label(role)) for role in Role))
    given = sum(1 for number in range(1, MAX_SPEAKERS + 1) if texts.get(f"channel-{number}"))
    channels = range(1, min(max(given, 2) + 1, MAX_SPEAKERS) + 1)
    return (
        (
            Field(
                name="language_code",
                label="Language",
                value=texts.get("language_code", ""),
                kind="choice",
                options=tuple((code, code) for code in LANGUAGES),
            ),
            Field(
                name="timezone_offset",
                label="Time zone",
                value=texts.get("timezone_offset", ""),
                hint="Hours and minutes from UTC, such as -05:00 or +05:30.",
            ),
            Field(
                name="custom_vocabulary",
                label="Custom vocabulary",
                value=texts.get("custom_vocabulary", ""),
                kind="lines",
                hint="Names and words that the engine should know, one a line.",
            ),
            Field(
                name="prefix",
                label="Prefix in the bucket",
                value=texts.get("prefix", ""),
                hint="Objects whose names begin so are this company's, such as acme/",
            ),
            *(
                Field(
                    name=f"channel-{number}",
                    label=f"Voice on channel {number}",
                    value=texts.get(f"channel-{number}", _NONE),
                    kind="choice",
                    options=roles,
                )
                for number in channels
            ),
        ),
    )


def offset_text(minutes: int) -> str:
    """Minutes from UTC as -05:00."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def offset_minutes(text: str) -> int | None:
    """-05:00 as minutes from UTC; None where it is no such thing."""
    found = _OFFSET.fullmatch(text)
    if not found:
        return None
    minutes = int(found["hours"]) * 60 + int(found["minutes"])
    return minutes if found["sign"] in {"", "+"} else -minutes


# Trackers


def _tracker_texts(row: CompanyDefaults) -> dict[str, str]:
    return {
        name: text
        for number, tracker in enumerate(row.trackers)
        for name, text in ((f"name-{number}", tracker.name), (f"phrases-{number}", "\n".join(tracker.vocabulary)))
    }


def _settled_trackers(company: str, stored: CompanyDefaults, texts: Mapping[str, str]) -> CompanyDefaults:
    """The trackers alone; an empty one is none, and so is one that was to be removed."""
    kept = [
        number
        for number in _numbers(texts)
        if not texts.get(f"remove-{number}")
        and (texts.get(f"name-{number}", "").strip() or texts.get(f"phrases-{number}", "").strip())
    ]
    given = [
        {"name": texts.get(f"name-{number}", ""), "vocabulary": _lines(texts.get(f"phrases-{number}", ""))}
        for number in kept
    ]
    try:
        row = defaults_from(company, json.dumps({"trackers": given}).encode())
    except Rejected as error:
        raise Rejected([_of_tracker(problem, kept, texts) for problem in error.problems]) from None
    return dataclasses.replace(stored, trackers=row.trackers)


def _of_tracker(problem: Problem, kept: Sequence[int], texts: Mapping[str, str]) -> Problem:
    """By the form's names: `trackers.1.vocabulary.3` is a line of `phrases-4`, if that was the second that is kept."""
    _, *rest = problem.field.split(".")
    if len(rest) < 2:  # noqa: PLR2004  # all trackers together
        return Problem("trackers", problem.detail)
    number = kept[int(rest[0])]
    if rest[1:] == ["name"] and not texts.get(f"name-{number}", "").strip():
        return Problem(f"name-{number}", "is missing; name it, or tick Remove")
    if rest[1:] == ["vocabulary"] and not _lines(texts.get(f"phrases-{number}", "")):
        return Problem(f"phrases-{number}", "are missing; name one at least, or tick Remove")
    name = {"name": "name", "vocabulary": "phrases"}.get(rest[1], rest[1])
    return Problem(".".join([f"{name}-{number}", *rest[2:]]), problem.detail)


def _tracker_groups(texts: Mapping[str, str]) -> tuple[tuple[Field, ...], ...]:
    """One a tracker, and an empty one to add another."""
    numbers = _numbers(texts)
    used = [number for number in numbers if texts.get(f"name-{number}") or texts.get(f"phrases-{number}")]
    fresh = max(used, default=-1) + 1
    return tuple(
        (
            Field(name=f"name-{number}", label="Name", value=texts.get(f"name-{number}", "")),
            Field(
                name=f"phrases-{number}",
                label="Phrases, one a line",
                value=texts.get(f"phrases-{number}", ""),
                kind="lines",
            ),
            *(
                [Field(name=f"remove-{number}", label="Remove", value=texts.get(f"remove-{number}", ""), kind="remove")]
                if number != fresh
                else []
            ),
        )
        for number in (*used, fresh)
    )


def _numbers(texts: Mapping[str, str]) -> list[int]:
    found = (re.fullmatch(r"(?:name|phrases)-(\d{1,4})", name, flags=re.ASCII) for name in texts)
    return sorted({int(match[1]) for match in found if match})


# What the parts share


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _plain(text: str) -> str:
    return "\n".join(_lines(text))


def _all_problems(validate: Callable[[], CompanyDefaults], own: Sequence[Problem]) -> CompanyDefaults:
    """What is wrong with the text, together with what is wrong with its meaning."""
    try:
        row = validate()
    except Rejected as error:
        raise Rejected([*own, *error.problems]) from None
    if own:
        raise Rejected(own)
    return row


def _places(field: str) -> Iterable[str]:
    """The fields of a form that a problem may belong to: `channel_roles.0` is `channel-1`."""
    name, _, rest = field.partition(".")
    if name == "channel_roles" and rest.isdecimal():
        yield f"channel-{int(rest) + 1}"
    yield name


def _line_of(problem: Problem) -> str:
    name, _, rest = problem.field.partition(".")
    return f"line {int(rest) + 1} " if rest.isdecimal() and name != "channel_roles" else ""


def _shown(field: Field, text: str) -> str:
    """As a person reads it: a choice by its words."""
    return dict(field.options).get(text, text) or MISSING


def _what(field: Field) -> str:
    group = re.fullmatch(r"(name|phrases)-(\d+)", field.name, flags=re.ASCII)
    return f"{field.label} of tracker {int(group[2]) + 1}" if group else field.label


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(
            "look",
            "Look of the summary page",
            _look_texts,
            _settled_look,
            _look_groups,
            lambda row: business_ux_answer(row) if row else {},
        ),
        Part(
            "defaults",
            "Defaults of its recordings",
            _defaults_texts,
            _settled_defaults,
            _defaults_groups,
            lambda row: {name: value for name, value in defaults_answer(row).items() if name != "trackers"},
        ),
        Part(
            "trackers",
            "Trackers",
            _tracker_texts,
            _settled_trackers,
            _tracker_groups,
            lambda row: {"trackers": defaults_answer(row)["trackers"]},
        ),
    )
}
