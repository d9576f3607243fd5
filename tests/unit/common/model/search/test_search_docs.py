"""docs/search.md says what is so: each row of its tables is read, written and refused as it tells."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.model.search.fields import KNOWN
from common.model.search.grammar import (
    MAX_DEPTH,
    MAX_LENGTH,
    QueryError,
    Reason,
    as_machines_write,
    as_people_write,
    parse,
)
from common.model.search.query import MAX_CONDITIONS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGE = Path("docs/search.md").read_text()
SPELLINGS, REFUSED = PAGE.split("## What is refused")
ROWS = re.findall(r"^\| `([^|]+)` \| `([^|]+)` \| ", SPELLINGS, re.MULTILINE)
REFUSALS = re.findall(r"^\| `([^|]+)` \| `(\w+)` \| (.+) \|$", REFUSED, re.MULTILINE)
EXAMPLES = re.findall(r"^    (\S.*?)   ", SPELLINGS, re.MULTILINE)


@pytest.mark.parametrize(("people", "machines"), ROWS)
def test_both_spellings_of_a_row_are_one_query(people: str, machines: str) -> None:
    """And the second is how it is written for machines."""
    query = parse(people, now=NOW)

    assert parse(machines, now=NOW) == query
    assert as_machines_write(query) == machines
    assert parse(as_people_write(query), now=NOW) == query


@pytest.mark.parametrize(("text", "reason", "detail"), REFUSALS)
def test_what_the_page_refuses_is_refused_in_its_words(text: str, reason: str, detail: str) -> None:
    """Reason and detail."""
    with pytest.raises(QueryError) as refused:
        parse(text, now=NOW)

    assert (refused.value.reason, refused.value.problems[0].detail) == (reason, detail)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_first_examples_are_written_as_they_stand(example: str) -> None:
    """They show the language at its plainest."""
    assert as_people_write(parse(example, now=NOW)) == example


def test_the_page_is_whole() -> None:
    """Every field, reason and limit is on it, and its tables were found."""
    assert len(EXAMPLES) == 4
    assert len(ROWS) == len(re.findall(r"^\| `", SPELLINGS, re.MULTILINE))
    assert [name for name in KNOWN if name not in PAGE] == []
    assert [reason for reason in Reason if reason not in PAGE] == []
    assert f"{MAX_LENGTH} characters" in PAGE
    assert f"{MAX_CONDITIONS} conditions" in PAGE
    assert f"nested {MAX_DEPTH} deep" in PAGE
