"""What an operation of the API is made of. Plain data: the router, the validation and the description read it."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import NotFound, Problem, Rejected
from common.model.access import Reach, Role
from common.model.audit import Action

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

JSON = "application/json"
PROBLEM = "application/problem+json"
MULTIPART = "multipart/form-data"
#: JSON Schema, as OpenAPI 3.1 has it.
Schema = Mapping[str, object]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean", "default": False}


class Place(enum.StrEnum):
    """Where a parameter stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """One of an operation's inputs beside its body."""

    name: str
    description: str
    place: Place = Place.QUERY
    schema: Schema = dataclasses.field(default_factory=lambda: TEXT)
    example: object = None

    def allows(self, value: str) -> bool:
        """Whether a text is one of the values, or has the pattern, that the schema names (if it does)."""
        values, pattern = self.schema.get("enum"), self.schema.get("pattern")
        return (not isinstance(values, tuple) or value in values) and (
            not isinstance(pattern, str) or re.search(pattern, value) is not None
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent: for each media type the model that validates it. `examples` are JSON, by their titles."""

    models: Mapping[str, type]
    description: str = ""
    examples: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What comes back: for each media type the type that is its JSON, or `str` where it is a text."""

    description: str
    media: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)  #: what each says
    example: str | None = None  #: the name of one in functions.api.examples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path. `reasons` are those beside what every operation may answer.

    `role` is the least that may do it, `reach` what it leads to, `action` what the audit trail calls it.
    """

    id: str
    group: str
    method: str
    path: str
    role: Role
    reach: Reach
    action: Action | None = None
    summary: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]
    reasons: tuple[str, ...] = ()
    curl: str
    command: str | None = None  #: the same with ./calltrack

    def parameters_in(self, place: Place) -> tuple[Parameter, ...]:
        """Those that stand there."""
        return tuple(parameter for parameter in self.parameters if parameter.place is place)

    def takes(self, parameter: Parameter) -> bool:
        """Whether it is one of the operation's."""
        return parameter in self.parameters

    @property
    def may_fail_with(self) -> tuple[str, ...]:
        """Every reason that a caller has to reckon with."""
        deleted = ("DELETED",) if self.takes(RECORDING_ID) and self.method != "DELETE" else ()
        return ("INVALID", "UNAUTHENTICATED", "ROLE_NEEDED", *self.reasons, *deleted, "DEFECT", "UNAVAILABLE")

    @property
    def rule(self) -> str:
        """The path as werkzeug writes it; a parameter with an enumeration leads nowhere with other values."""
        rule = self.path
        for parameter in self.parameters_in(Place.PATH):
            values = parameter.schema.get("enum")
            converter = f"any({', '.join(values)}):" if isinstance(values, tuple) else ""
            rule = rule.replace(f"{{{parameter.name}}}", f"<{converter}{parameter.name}>")
        return rule

    def expect_path(self, given: Mapping[str, str]) -> None:
        """Refuse what can be the name of nothing, before it becomes part of a key.

        Raises:
            NotFound: with what a name looks like.
        """
        for parameter in self.parameters_in(Place.PATH):
            if not parameter.allows(given[parameter.name]):
                raise NotFound(f"{parameter.name} cannot be {given[parameter.name][:60]!r}: {parameter.description}")

    def expect_query(self, given: MultiDict[str, str]) -> None:
        """Refuse what is not in the table: a typo must not widen a query.

        Raises:
            Rejected: naming each parameter that is unknown, given twice, or none of the values it may have.
        """
        known = {parameter.name: parameter for parameter in self.parameters_in(Place.QUERY)}
        problems = [Problem(name, _unknown(tuple(known))) for name in sorted(set(given) - set(known))]
        for name, parameter in known.items():
            values = given.getlist(name)
            if len(values) > 1:
                problems.append(Problem(name, "is given more than once; give it once"))
            elif values and not parameter.allows(values[0]):
                problems.append(Problem(name, f"must be one of: {', '.join(parameter.schema['enum'])}"))  # type: ignore[arg-type]  # allows() has seen it
        if problems:
            raise Rejected(problems)


def _unknown(known: tuple[str, ...]) -> str:
    if not known:
        return "is not a known parameter; there are none"
    listed = f"{', '.join(known[:-1])} and {known[-1]}" if len(known) > 1 else known[0]
    return f"is not a known parameter; known are {listed}"


# Parameters of several operations

RECORDING_ID = Parameter(
    name="recording_id",
    place=Place.PATH,
    description="a recording's id has letters, digits, - and _, 20 of them as a rule",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
    example="gm5tqnzr7bzjqkzdfl4a",
)
COMPANY = Parameter(
    name="company",
    place=Place.PATH,
    description="a company's name has 1 to 200 characters, no white space around it, and no slash",
    schema={"type": "string", "pattern": r"^(?!__.*__$)[^\s/\x00-\x1f]([^/\x00-\x1f]{0,198}[^\s/\x00-\x1f])?$"},
    example="Brightline Mobile",
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    place=Place.HEADER,
    description="An ETag of an earlier answer: 304 without a body where nothing has changed since.",
    example='"5f2c0c6a7d8b4e1f9a3d"',
)
IF_MATCH = Parameter(
    name="If-Match",
    place=Place.HEADER,
    description="The ETag that was read: 412 where somebody has changed it since, so that no change is overwritten.",
    example='"5f2c0c6a7d8b4e1f9a3d"',
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place=Place.HEADER,
    description=(
        "A name that the caller gives to this one call (1 to 255 visible ASCII characters, such as a UUID). Sent again "
        "with the same key and content within 24 hours, nothing is done again: the first answer comes back, with "
        "`Idempotent-Replayed: true`. Answers that changed nothing are not kept."
    ),
    example="0f8fad5b-d9cb-469f-a165-70867728950e",
)
FILTER = Parameter(
    name="filter",
    description="Which recordings, in the query language of the search box; all of them without it.",
    example="refund by:customer -tracker:disclosure after:2026-11-01",
)
PAGE_TOKEN = Parameter(
    name="page_token",
    description="`next_page_token` of the page before; opaque, and of use with the same filter and order only.",
)
ETAG = {"ETag": "of this answer; for If-None-Match and If-Match"}
REPLAYED = {"Idempotent-Replayed": "true where this is the answer to an earlier call with the same Idempotency-Key"}
NOT_MODIFIED = Answer(description="Nothing has changed since the ETag that If-None-Match names.", headers=ETAG)
