"""What companies settled, what did not become a recording, and the state of the engine's account."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest

from common.adapters.datastore.account import DatastoreAccount
from common.adapters.datastore.companies import DatastoreCompanies
from common.adapters.datastore.intake import DatastoreIntakeLog
from common.errors import Problem
from common.model.business_ux import BusinessUX
from common.model.capacity import SymblAccount
from common.model.company import CompanyDefaults, Tracker
from common.model.intake import RejectedObject
from common.model.recording import Role
from tests.factories import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import datastore


def test_defaults_are_a_companys_own_or_the_general_ones(datastore_client: datastore.Client) -> None:
    """They survive Datastore, trackers and roles included."""
    companies = DatastoreCompanies(datastore_client)
    acme = CompanyDefaults(
        company="Acme",
        timezone_offset=-300,
        trackers=(Tracker(name="Pricing", vocabulary=("price", "cost")),),
        channel_roles=(Role.CUSTOMER, Role.AGENT),
        prefix="acme/",
    )
    companies.put_defaults(acme)
    companies.put_defaults(CompanyDefaults.of("Globex"))

    assert companies.defaults("Acme") == acme
    assert companies.defaults("Nobody") == CompanyDefaults.of("Nobody")
    assert companies.prefixes() == {"acme/": "Acme"}


def test_the_look_of_pages_is_a_companys_own(datastore_client: datastore.Client) -> None:
    """A link that never expires stays one."""
    companies = DatastoreCompanies(datastore_client)
    look = BusinessUX(company="Acme", logo="https://acme.example/l.png", summary_url_expires_in=None)
    timed = BusinessUX(company="Globex", allowed_origins=("https://globex.example",))
    companies.put_business_ux(look)
    companies.put_business_ux(timed)

    assert (companies.business_ux("Acme"), companies.business_ux("Globex")) == (look, timed)
    assert companies.business_ux("Nobody") is None


def test_rejections_are_listed_the_latest_first(datastore_client: datastore.Client) -> None:
    """The same object again replaces what was said of it."""
    log = DatastoreIntakeLog(datastore_client)
    rejected = [
        RejectedObject(
            id=f"r{number}",
            recording_url=f"gs://recordings/{number}.wav",
            generation=number,
            rejected_at=NOW + timedelta(seconds=number),
            reason="company: is missing",
            problems=(Problem("company", "is missing"),),
        )
        for number in (1, 2, 3)
    ]
    for one in [*rejected, rejected[0]]:
        log.reject(one)

    assert log.rejections(limit=2) == [rejected[2], rejected[1]]


def test_details_beside_an_object_are_kept_and_forgotten(datastore_client: datastore.Client) -> None:
    """However long they are."""
    log = DatastoreIntakeLog(datastore_client)
    log.put_details("uploads/a.wav", "{}" + " " * 200_000, now=NOW)

    assert log.details("uploads/a.wav") == "{}" + " " * 200_000
    log.forget_details("uploads/a.wav")
    assert log.details("uploads/a.wav") is None


def test_a_stopped_account_starts_again_by_itself(datastore_client: datastore.Client) -> None:
    """It is stopped up to its time, and no longer."""
    account, until = DatastoreAccount(datastore_client), NOW + timedelta(minutes=5)
    assert account.stopped_until(NOW) is None

    account.change(lambda state: state.stopped(reason="401", now=NOW, until=until))

    assert account.stopped_until(until - timedelta(seconds=1)) == until
    assert account.stopped_until(until) is None


@pytest.mark.usefixtures("embedded_alone")
def test_lowerings_that_meet_add_up(
    make_client: Callable[[], datastore.Client], datastore_client: datastore.Client
) -> None:
    """Each 429 of a burst counts: the change is a transaction."""
    account, other = DatastoreAccount(datastore_client), DatastoreAccount(make_client())
    met = 0

    def lower(state: SymblAccount) -> SymblAccount:
        nonlocal met
        met += 1
        if met == 1:
            other.change(lambda theirs: theirs.throttled(10, active=10, now=NOW))
        return state.throttled(10, active=10, now=NOW)

    account.change(lower)

    assert (met, account.get().cap(10, NOW)) == (2, 8)


def test_a_change_that_changes_nothing_writes_nothing(datastore_client: datastore.Client) -> None:
    """Where all is well there is no entity."""
    assert DatastoreAccount(datastore_client).change(lambda state: state) == SymblAccount()
    assert list(datastore_client.query(kind="SymblAccount").fetch()) == []


def test_what_is_settled_is_changed_from_what_is_stored(datastore_client: datastore.Client) -> None:
    """The change sees it, nothing settled included; one that raises leaves all as it was."""
    companies = DatastoreCompanies(datastore_client)
    seen: list[object] = []

    def prefixed(stored: CompanyDefaults) -> CompanyDefaults:
        seen.append(stored)
        return dataclasses.replace(stored, prefix="acme/")

    def looking(stored: BusinessUX | None) -> BusinessUX:
        seen.append(stored)
        return BusinessUX(company="Acme", display_name="The Acme")

    def refusing(stored: object) -> NoReturn:
        seen.append(stored)
        raise LookupError

    defaults, look = companies.change_defaults("Acme", prefixed), companies.change_business_ux("Acme", looking)
    for change in (companies.change_defaults, companies.change_business_ux):
        with pytest.raises(LookupError):
            change("Acme", refusing)

    assert seen == [CompanyDefaults.of("Acme"), None, defaults, look]
    assert (companies.defaults("Acme"), companies.business_ux("Acme")) == (defaults, look)


def test_all_that_companies_have_settled_is_read_at_once(datastore_client: datastore.Client) -> None:
    """By name; who has settled one half has the general rest."""
    companies = DatastoreCompanies(datastore_client)
    prefixed = CompanyDefaults(company="Globex", prefix="globex/")
    look = BusinessUX(company="Acme")
    companies.put_defaults(prefixed)
    companies.put_business_ux(look)

    assert companies.settled() == {"Acme": (CompanyDefaults.of("Acme"), look), "Globex": (prefixed, None)}
    assert list(companies.settled()) == ["Acme", "Globex"]
