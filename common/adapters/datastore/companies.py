"""CompanyDefaults and BusinessUX: one entity of each per company, under the company's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import BUSINESS_UX, COMPANY_DEFAULTS
from common.adapters.datastore.transactions import run_in_transaction
from common.model.company import CompanyDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.cloud import datastore

    from common.model.business_ux import BusinessUX


class DatastoreCompanies:
    """CompanyStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def defaults(self, company: str) -> CompanyDefaults:
        """The company's defaults; the general ones where it has none."""
        return defaults_of(self._client.get(COMPANY_DEFAULTS.key(self._client, company)), company)

    def prefixes(self) -> Mapping[str, str]:
        """Company by bucket prefix."""
        query = self._client.query(
            kind=COMPANY_DEFAULTS.name, filters=[PropertyFilter("prefix", ">", "")], order=["prefix"]
        )
        return {entity["prefix"]: entity.key.name for entity in query.fetch()}

    def put_defaults(self, defaults: CompanyDefaults) -> None:
        """Settle them."""
        self._client.put(COMPANY_DEFAULTS.entity(self._client, defaults.company, defaults))

    def change_defaults(self, company: str, change: Callable[[CompanyDefaults], CompanyDefaults]) -> CompanyDefaults:
        """Apply a pure change in a transaction; `change` may run several times, and may raise: then nothing is."""
        key = COMPANY_DEFAULTS.key(self._client, company)

        def body(transaction: datastore.Transaction) -> CompanyDefaults:
            changed = change(defaults_of(self._client.get(key, transaction=transaction), company))
            transaction.put(COMPANY_DEFAULTS.entity(self._client, company, changed))
            return changed

        return run_in_transaction(self._client, body)

    def business_ux(self, company: str) -> BusinessUX | None:
        """How its pages look; None where nothing was settled."""
        entity = self._client.get(BUSINESS_UX.key(self._client, company))
        return BUSINESS_UX.row_of(entity) if entity else None

    def put_business_ux(self, row: BusinessUX) -> None:
        """Settle it."""
        self._client.put(BUSINESS_UX.entity(self._client, row.company, row))

    def change_business_ux(self, company: str, change: Callable[[BusinessUX | None], BusinessUX]) -> BusinessUX:
        """As `change_defaults`; None stands for nothing settled."""
        key = BUSINESS_UX.key(self._client, company)

        def body(transaction: datastore.Transaction) -> BusinessUX:
            stored = self._client.get(key, transaction=transaction)
            changed = change(BUSINESS_UX.row_of(stored) if stored else None)
            transaction.put(BUSINESS_UX.entity(self._client, company, changed))
            return changed

        return run_in_transaction(self._client, body)

    def settled(self) -> Mapping[str, tuple[CompanyDefaults, BusinessUX | None]]:
        """What each company has settled that has settled anything, by its name: two queries."""
        defaults = {
            entity.key.name: COMPANY_DEFAULTS.row_of(entity)
            for entity in self._client.query(kind=COMPANY_DEFAULTS.name).fetch()
        }
        looks = {
            entity.key.name: BUSINESS_UX.row_of(entity) for entity in self._client.query(kind=BUSINESS_UX.name).fetch()
        }
        return {
            company: (defaults.get(company) or CompanyDefaults.of(company), looks.get(company))
            for company in sorted({*defaults, *looks})
        }


def defaults_of(entity: datastore.Entity | None, company: str) -> CompanyDefaults:
    """What is stored of a company's defaults; the general ones where nothing is."""
    return COMPANY_DEFAULTS.row_of(entity) if entity else CompanyDefaults.of(company)
