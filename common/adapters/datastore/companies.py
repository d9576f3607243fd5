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

    def put_defaults(
        self, defaults: CompanyDefaults, *, expect: Callable[[CompanyDefaults], None] | None = None
    ) -> None:
        """Settle them; `expect` sees what they replace, in the same transaction, and raises to keep that."""
        company = defaults.company
        after = COMPANY_DEFAULTS.entity(self._client, company, defaults)
        self._replace(after, expect and (lambda before: expect(defaults_of(before, company))))

    def business_ux(self, company: str) -> BusinessUX | None:
        """How its pages look; None where nothing was settled."""
        entity = self._client.get(BUSINESS_UX.key(self._client, company))
        return BUSINESS_UX.row_of(entity) if entity else None

    def put_business_ux(self, row: BusinessUX, *, expect: Callable[[BusinessUX | None], None] | None = None) -> None:
        """Settle it; `expect` as with the defaults."""
        after = BUSINESS_UX.entity(self._client, row.company, row)
        self._replace(after, expect and (lambda before: expect(BUSINESS_UX.row_of(before) if before else None)))

    def _replace(self, after: datastore.Entity, expect: Callable[[datastore.Entity | None], None] | None) -> None:
        if expect is None:
            self._client.put(after)
            return

        def body(transaction: datastore.Transaction) -> None:
            expect(self._client.get(after.key, transaction=transaction))
            transaction.put(after)

        run_in_transaction(self._client, body)


def defaults_of(entity: datastore.Entity | None, company: str) -> CompanyDefaults:
    """What is stored of a company's defaults; the general ones where nothing is."""
    return COMPANY_DEFAULTS.row_of(entity) if entity else CompanyDefaults.of(company)
