"""Queries read from text: one grammar for the search box, the API's `filter` and the command line.

It is AIP-160 (https://google.aip.dev/160: OR binds tighter than AND) with the shorter spellings of search boxes beside
it; docs/search.md shows both. `spelling` writes what this reads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import enum
import functools
import re
from datetime import UTC
from typing import TYPE_CHECKING, NoReturn

from common.errors import Problem, Rejected
from common.model.recording import Role
from common.model.search import amounts
from common.model.search.fields import (
    DATES,
    FACET_OF,
    FIGURE_OF,
    FUNCTIONS,
    KIND_OF,
    KINDS,
    KNOWN,
    NOT_YET,
    PRESENCE,
    SAID,
    SCOPE,
    TRACKER,
    TRACKER_HIT,
    VALUES,
    plain,
)
from common.model.search.query import (
    EVERYTHING,
    MAX_CONDITIONS,
    Compare,
    Comparison,
    Equals,
    Facet,
    Figure,
    Node,
    Phrase,
    Tracker,
    Word,
    conditions,
    conjunction,
    disjunction,
    negation,
)
from common.model.search.spelling import ANY, as_machines_write, as_people_write, terms_of, without
from common.model.search.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, tzinfo

    from lark import Lark, Token, Tree

__all__ = ["QueryError", "Reason", "as_machines_write", "as_people_write", "parse", "terms_of", "without"]

MAX_LENGTH = 500  #: characters, in any spelling
MAX_DEPTH = 10  #: parentheses in parentheses, in any spelling
MIN_PREFIX = 3  #: letters before a `*`: fewer would mean half of all words

#: The contextual lexer knows what may come next, so that a value may hold signs that a word may not.
_GRAMMAR = r"""
start: conjunction?
conjunction: disjunction (_AND? disjunction)*
disjunction: _term (_OR _term)*
_term: _simple | negation
negation: (_NOT | _MINUS) _simple
_simple: _LEFT conjunction _RIGHT | restriction | call | phrase | word
restriction: FIELD COMPARATOR _value (COMPARATOR _value)*
call: FUNCTION _argument (_COMMA _argument)* _RIGHT
phrase: STRING
word: WORD
_value: VALUE | STRING
_argument: ARGUMENT | STRING

_AND.4: /AND(?![^\s()"])/
_OR.4: /OR(?![^\s()"])/
_NOT.4: /NOT(?![^\s()"])/
FUNCTION.3: /[^\W\d]\w*\(/
FIELD.2: /[^\s()"<>=:!,\-][^\s()"<>=:!,]*(?=\s*([<>=:]|!=))/
WORD: /(?!(AND|OR|NOT)(?![^\s()"]))[^\s()"<>=:\-][^\s()"<>=:]*/
VALUE: /(?!(AND|OR|NOT)(?![^\s()"]))([^\s()"<>=]|\([^\s()"]*\))+/
ARGUMENT: /[^\s()",]+/
STRING: /"([^"\\]|\\.)*"/s
COMPARATOR: /<=|>=|!=|[<>=:]/
_MINUS: /-(?=\S)/
_LEFT: "("
_RIGHT: ")"
_COMMA: ","
%ignore /\s+/
"""
_DIFFERS = "!="
_EQUALS = frozenset({":", "="})
_EQUATES = _EQUALS | {_DIFFERS}
_WAYS_OF_FIGURES = '"<", "<=", ">" or ">=", or with two ends as in 1..2'
_USAGE = {
    SAID: ('said("gift card", "customer")', 2, 2),
    TRACKER_HIT: ('tracker_hit("disclosure", "agent", 0s, 60s)', 1, 4),
}
_OPERATOR = re.compile("<=|>=|!=|[<>=:]")
#: What an error shows of the text.
_SIGN = re.compile(rf'"(?:[^"\\]|\\.)*"|{_OPERATOR.pattern}|[()",]|-|[^\s()"<>=:,]+', re.DOTALL)
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[()]', re.DOTALL)
#: Control characters but white space, and halves of characters.
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")


class Reason(enum.StrEnum):
    """What is wrong with a query, for programs."""

    SYNTAX = "FILTER_SYNTAX"
    FIELD_UNKNOWN = "FILTER_FIELD_UNKNOWN"
    FUNCTION_UNKNOWN = "FILTER_FUNCTION_UNKNOWN"
    COMPARISON_INVALID = "FILTER_COMPARISON_INVALID"
    VALUE_INVALID = "FILTER_VALUE_INVALID"
    SCOPE_INVALID = "FILTER_SCOPE_INVALID"
    TOO_LONG = "FILTER_TOO_LONG"
    TOO_MANY_CONDITIONS = "FILTER_TOO_MANY_CONDITIONS"
    TOO_DEEP = "FILTER_TOO_DEEP"


class QueryError(Rejected):
    """A text is no query. `column` counts characters from 1; `suggestion` may stand in place of what is there."""

    def __init__(self, reason: Reason, detail: str, *, column: int, suggestion: str | None = None) -> None:
        meant = f' Did you mean "{suggestion}"?' if suggestion else ""
        super().__init__([Problem("filter", f"{detail}{meant}")], reason=reason)
        self.column = column
        self.suggestion = suggestion
        self.metadata = {"column": str(column)} | ({"suggestion": suggestion} if suggestion else {})


def parse(text: str, *, now: datetime, timezone: tzinfo = UTC) -> Node:
    """The query that a text means; nothing but white space means every call.

    *now* is what `today` goes by, *timezone* where days begin and where times without a zone of their own are.

    Raises:
        QueryError: the text is none.
    """
    _check_size(text)
    node = _Reader(amounts.Calendar(now, timezone)).read(_tree(text))
    for written in (as_people_write(node, timezone=timezone), as_machines_write(node)):
        _check_size(written, given=False)
    return node


def _check_size(text: str, *, given: bool = True) -> None:
    """What is *given* has limits, and what we write of it has the same ones, so that it can be read again."""
    this = "this one" if given else "written out in full, this one"
    if len(text) > MAX_LENGTH:
        detail = f"A query may have {MAX_LENGTH} characters; {this} has {len(text)}."
        raise QueryError(Reason.TOO_LONG, detail, column=MAX_LENGTH + 1 if given else 1)
    depth = 0
    for found in _NESTING.finditer(text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            detail = f"A query may have parentheses nested {MAX_DEPTH} deep; {this} has more."
            raise QueryError(Reason.TOO_DEEP, detail, column=found.start() + 1 if given else 1)


@functools.cache
def _parser() -> Lark:
    from lark import Lark  # noqa: PLC0415  # 0.1 s that only those pay who parse

    return Lark(_GRAMMAR, parser="lalr")


def _tree(text: str) -> Tree[Token]:
    from lark import UnexpectedCharacters, UnexpectedToken  # noqa: PLC0415  # see _parser

    unreadable = _UNREADABLE.search(text)
    if unreadable:
        _refuse_syntax("There is an unreadable character", unreadable.start())
    try:
        return _parser().parse(text)
    except UnexpectedToken as error:
        _refuse_sign(text, len(text) if error.token.type == "$END" else error.pos_in_stream or 0, error.accepts)
    except UnexpectedCharacters as error:
        _refuse_sign(text, error.pos_in_stream or 0, error.allowed)


def _refuse_sign(text: str, position: int, allowed: Iterable[str]) -> NoReturn:
    """Say what is wrong at the position, where one of the grammar's *allowed* terminals should be."""
    expected = set(allowed)
    sign = _SIGN.match(text, position)
    found = sign[0] if sign else ""
    before = f' before "{found}"' if found else ""
    if found == '"':
        detail = "A double quote opens and none closes"
    elif found.startswith("-"):
        detail = '"-" stands directly before the one thing that is to be left out; here it does not'
    elif expected & {"VALUE", "ARGUMENT"}:
        detail = f"A value is missing{before}"
    elif found == ")" and "$END" in expected:
        detail = '")" closes nothing'
    elif not found and "_RIGHT" in expected:
        detail = '")" is missing'
    elif "WORD" not in expected:
        detail = f'"{found}" is not expected'
    elif _OPERATOR.fullmatch(found):
        detail = f"A field is missing{before}"
    else:
        detail = f"Something to look for is missing{before}"
    _refuse_syntax(detail, position)


def _refuse_syntax(detail: str, position: int) -> NoReturn:
    raise QueryError(Reason.SYNTAX, f"{detail} at column {position + 1}.", column=position + 1)


@dataclasses.dataclass(frozen=True)
class _Value:
    """What stands after a comparison, or in a function's parentheses."""

    text: str
    quoted: bool
    column: int

    @classmethod
    def of(cls, token: Token) -> _Value:
        column = _column(token)
        if token.type != "STRING":
            return cls(str(token), quoted=False, column=column)
        return cls(re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL), quoted=True, column=column)

    def invalid(self, mend: str, suggestion: str | None = None) -> QueryError:
        detail = f'"{self.text}" at column {self.column} {mend}.'
        return QueryError(Reason.VALUE_INVALID, detail, column=self.column, suggestion=suggestion)

    def name(self) -> str:
        """A name of somebody or something, with single spaces."""
        name = " ".join(self.text.split())
        if not name:
            raise self.invalid("is empty")
        if name.endswith("*") and not self.quoted:
            raise self.invalid('is not a whole name: "*" is for words; in double quotes it is a star')
        return name

    def one_of(self, words: Iterable[str]) -> str:
        """One of the words, however its case and hyphens are written."""
        known = {plain(word): word for word in words}
        found = known.get(plain(self.text))
        if found is None:
            mend = f"is not one of {', '.join(known.values())}"
            raise self.invalid(mend, known.get(_nearest(self.text, known) or ""))
        return found

    def ends(self) -> list[_Value]:
        """The two ends of `9..17`."""
        least, _, most = self.text.partition("..")
        return [
            dataclasses.replace(self, text=least),
            dataclasses.replace(self, text=most, column=self.column + len(least) + 2),
        ]

    def amount(self, figure: Figure, calendar: amounts.Calendar) -> float:
        with self._meant():
            return amounts.read(figure, self.text, calendar)

    def seconds(self) -> float:
        with self._meant():
            return amounts.seconds(self.text)

    def day(self, calendar: amounts.Calendar) -> tuple[float, float]:
        with self._meant():
            return calendar.day(self.text)

    @contextlib.contextmanager
    def _meant(self) -> Iterator[None]:
        try:
            yield
        except amounts.AmountError as error:
            raise self.invalid(str(error), error.suggestion) from None


@dataclasses.dataclass(frozen=True)
class _Restriction:
    """`field comparison value`, and for trackers further comparisons with a time."""

    field: str
    column: int
    comparisons: tuple[tuple[_Value, _Value], ...]  #: each a sign, and what it compares with

    @classmethod
    def of(cls, tokens: list[Token]) -> _Restriction:
        field, *rest = tokens
        values = [_Value.of(token) for token in rest]
        return cls(str(field), _column(field), tuple(zip(values[::2], values[1::2], strict=True)))

    @property
    def name(self) -> str:
        return plain(self.field)

    @property
    def sign(self) -> str:
        return self.comparisons[0][0].text

    @property
    def value(self) -> _Value:
        return self.comparisons[0][1]

    @property
    def asks_whether_any(self) -> bool:
        """Whether it is as in `topics:*`."""
        return self.sign in _EQUATES and self.value.text == "*" and not self.value.quoted

    @property
    def is_figure(self) -> bool:
        """Whether it is as in `sentiment<-0.3`, not as in `sentiment:negative`."""
        return self.sign not in _EQUATES or ".." in self.value.text

    def equated(self, signs: frozenset[str] = _EQUATES) -> _Value:
        """The value, of a field that is compared in no other way."""
        if self.sign not in signs:
            raise self.incomparable(0)
        return self.value

    def incomparable(self, which: int, ways: str = '":"') -> QueryError:
        sign = self.comparisons[which][0]
        detail = f'"{self.field}" is compared with {ways}, not with "{sign.text}" as at column {sign.column}.'
        return QueryError(Reason.COMPARISON_INVALID, detail, column=sign.column)

    def unknown(self) -> QueryError:
        detail = f'Unknown field "{self.field}" at column {self.column}'
        if self.name in NOT_YET:
            return QueryError(Reason.FIELD_UNKNOWN, f"{detail}: it is not there yet.", column=self.column)
        if (suggestion := _nearest(self.name, KNOWN)) is None:
            detail += "; what is no field belongs in double quotes"
        return QueryError(Reason.FIELD_UNKNOWN, f"{detail}.", column=self.column, suggestion=suggestion)


class _Reader:
    """Gives a tree of the grammar its meaning."""

    def __init__(self, calendar: amounts.Calendar) -> None:
        self._calendar = calendar
        self._found = 0

    def read(self, start: Tree[Token]) -> Node:
        query = _trees(start)
        return self._node(query[0], None) if query else EVERYTHING

    def _node(self, tree: Tree[Token], scope: Role | None) -> Node:
        """*scope* is the role whose words are meant, where nothing closer says so."""
        match tree.data:
            case "conjunction":
                return self._conjunction(_trees(tree), scope)
            case "disjunction":
                return disjunction(self._node(part, scope) for part in _trees(tree))
            case "negation":
                return negation(self._node(_trees(tree)[0], scope))
            case _:
                return self._counted(tree, self._leaf(tree, scope))

    def _conjunction(self, parts: list[Tree[Token]], scope: Role | None) -> Node:
        scoping = [asked for part in parts if (asked := _scoping(part))]
        roles = {Role(asked.equated().one_of(Role)) for asked in scoping}
        if len(roles) > 1:
            raise _misplaced(scoping[-1], "names another role in the same parentheses; give each its own")
        if not roles:
            return conjunction(self._node(part, scope) for part in parts)
        (role,) = roles
        node = conjunction(self._node(part, role) for part in parts if not _scoping(part))
        if not any(isinstance(part, (Word, Phrase, Tracker)) and part.by is role for part in conditions(node)):
            raise _misplaced(scoping[0], "has no word, phrase or tracker beside it that could be theirs")
        return node

    def _counted(self, tree: Tree[Token], node: Node) -> Node:
        self._found += len(conditions(node))
        if self._found > MAX_CONDITIONS:
            column = _column(_tokens(tree)[0])
            detail = f"A query may have {MAX_CONDITIONS} conditions; there are more from column {column} on."
            raise QueryError(Reason.TOO_MANY_CONDITIONS, detail, column=column)
        return node

    def _leaf(self, tree: Tree[Token], scope: Role | None) -> Node:
        tokens = _tokens(tree)
        match tree.data:
            case "restriction":
                return self._restriction(_Restriction.of(tokens), scope)
            case "call":
                return self._call(tokens[0], [_Value.of(token) for token in tokens[1:]], scope)
            case _:
                return _said(_Value.of(tokens[0]), scope)

    def _restriction(self, asked: _Restriction, scope: Role | None) -> Node:
        if asked.name in TRACKER.all and not asked.asks_whether_any:
            node: Node = self._tracker(asked, scope)
        elif len(asked.comparisons) > 1:
            raise asked.incomparable(1, "one value")
        else:
            node = self._comparison(asked)
        return negation(node) if asked.sign == _DIFFERS else node

    def _comparison(self, asked: _Restriction) -> Node:
        name = asked.name
        facet, figure = FACET_OF.get(name), FIGURE_OF.get(name)
        if name == SCOPE:
            raise _misplaced(asked, "stands for itself, beside what is said: not in an OR, and not left out")
        if name in DATES:
            return self._date(asked)
        if name in PRESENCE:
            has = Equals(Facet.HAS, asked.equated().one_of(KINDS))
            return has if name == PRESENCE[0] else negation(has)
        if name in KIND_OF and (facet is None or asked.asks_whether_any):
            if not asked.asks_whether_any:
                raise asked.equated().invalid('is too much: only "*" may follow', suggestion="*")
            return Equals(Facet.HAS, KIND_OF[name])
        if figure is not None and (facet is None or asked.is_figure):
            return self._figure(asked, figure)
        if facet is None:
            raise asked.unknown()
        value = asked.equated()
        return Equals(facet, value.one_of(VALUES[facet]) if facet in VALUES else value.name())

    def _date(self, asked: _Restriction) -> Node:
        value = asked.equated(_EQUALS)
        match asked.name:
            case "after":
                return Compare(Figure.STARTED_AT, Comparison.AT_LEAST, value.amount(Figure.STARTED_AT, self._calendar))
            case "before":
                return Compare(Figure.STARTED_AT, Comparison.LESS, value.amount(Figure.STARTED_AT, self._calendar))
            case _:
                return _between(Figure.STARTED_AT, *value.day(self._calendar))

    def _figure(self, asked: _Restriction, figure: Figure) -> Node:
        value = asked.value
        if asked.sign in set(Comparison):
            return Compare(figure, Comparison(asked.sign), value.amount(figure, self._calendar))
        if asked.sign not in _EQUALS:
            raise asked.incomparable(0, _WAYS_OF_FIGURES)
        if ".." in value.text:
            least, most = (end.amount(figure, self._calendar) for end in value.ends())
            if least >= most:
                raise value.invalid("ends before it begins")
            return _between(figure, least, most)
        if figure is Figure.STARTED_AT:
            return _between(figure, *value.day(self._calendar))
        if figure is Figure.HOUR:
            hour = value.amount(figure, self._calendar)
            if hour == amounts.HOURS:
                raise value.invalid("is where the day ends; its last hour is 23", suggestion="23")
            return _between(figure, hour, hour + 1)
        raise asked.incomparable(0, _WAYS_OF_FIGURES)

    def _tracker(self, asked: _Restriction, scope: Role | None) -> Tracker:
        name = asked.equated().name()
        bounds: dict[str, _Value] = {}
        for which, (sign, value) in enumerate(asked.comparisons[1:], start=1):
            if sign.text not in {Comparison.AT_LEAST, Comparison.LESS} or sign.text in bounds:
                raise asked.incomparable(which, 'one time after ">=" and one after "<"')
            bounds[sign.text] = value
        return _found(name, scope, bounds.get(Comparison.AT_LEAST), bounds.get(Comparison.LESS))

    def _call(self, function: Token, given: list[_Value], scope: Role | None) -> Node:
        name, column = function[:-1], _column(function)
        if name not in FUNCTIONS:
            detail = f'Unknown function "{name}" at column {column}; a space belongs before "(" after a word.'
            raise QueryError(Reason.FUNCTION_UNKNOWN, detail, column=column, suggestion=_nearest(name, FUNCTIONS))
        usage, least, most = _USAGE[name]
        if not least <= len(given) <= most:
            detail = f'"{name}" at column {column} is written {usage}.'
            raise QueryError(Reason.SYNTAX, detail, column=column)
        what, *rest = given
        if rest:
            role = rest.pop(0).one_of((*Role, ANY))
            scope = None if role == ANY else Role(role)
        return _said(what, scope) if name == SAID else _found(what.name(), scope, *rest)


def _said(value: _Value, by: Role | None) -> Word | Phrase:
    words = words_of(value.text)
    if not words:
        raise value.invalid("has no letter and no digit")
    if value.quoted:
        return Phrase(words, by)
    if "*" not in value.text:
        return Word(words[0], by=by) if len(words) == 1 else Phrase(words, by)
    letters = sum(sign.isalnum() for sign in words[0])  # without the marks that a comparison drops
    if value.text.index("*") < len(value.text) - 1 or len(words) > 1 or letters < MIN_PREFIX:
        raise value.invalid(f'is no beginning of a word: "*" stands once, at the end of {MIN_PREFIX} letters or more')
    return Word(words[0], prefix=True, by=by)


def _found(name: str, by: Role | None, after: _Value | None = None, before: _Value | None = None) -> Tracker:
    """From the beginning of the call on is the same as at any time, and is kept as that."""
    begin = after.seconds() if after else 0.0
    end = before.seconds() if before else None
    if before and end is not None and end <= begin:
        raise before.invalid("ends before it begins")
    return Tracker(name, by, begin or None, end)


def _between(figure: Figure, least: float, most: float) -> Node:
    return conjunction((Compare(figure, Comparison.AT_LEAST, least), Compare(figure, Comparison.LESS, most)))


def _scoping(tree: Tree[Token]) -> _Restriction | None:
    """`by:ROLE`, if that is all that stands between two ANDs."""
    alone = _trees(tree)
    if len(alone) != 1 or alone[0].data != "restriction":
        return None
    asked = _Restriction.of(_tokens(alone[0]))
    return asked if asked.name == SCOPE and len(asked.comparisons) == 1 and asked.sign in _EQUALS else None


def _misplaced(asked: _Restriction, mend: str) -> QueryError:
    detail = f'"{asked.field}" at column {asked.column} {mend}.'
    return QueryError(Reason.SCOPE_INVALID, detail, column=asked.column)


def _nearest(text: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(plain(text), list(known), n=1)), None)


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if not isinstance(child, str)]


def _tokens(tree: Tree[Token]) -> list[Token]:
    return [child for child in tree.children if isinstance(child, str)]


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1
