"""The ledger of fields: which partner was given which fields, by the sums of projected answers and what versions tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Max

from portazgo.contracts.fields.ledger import restored, telling_of, told
from portazgo.contracts.models import ToldFields
from portazgo.kit.errors import Invalid
from portazgo.partners.models import Partner
from portazgo.usage.told import told_in

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from portazgo.contracts.compilation import Compilation
    from portazgo.contracts.compiling import FieldPair
    from portazgo.contracts.fields.ledger import Telling
    from portazgo.contracts.models import ContractVersion

MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class ToldField:
    """A field that a partner was given, with how many answers. `contract` and `version` are by the names of then."""

    partner: str
    partner_name: str | None
    route: str
    contract: str
    version: str
    field: str
    backend_field: str
    answers: int
    selected: int
    """So many of the answers were of some fields only, by `?fields=`: with this one or without."""
    selectable: bool
    """`?fields=` is allowed on the route."""


@dataclass(frozen=True, slots=True)
class FieldsTold:
    """The ledger of a month. `unknown_answers` are of versions that this database does not know (it was restored)."""

    month: str
    unknown_answers: int
    items: list[ToldField]


def number(version: ContractVersion, compilation: Compilation, now: datetime) -> None:
    """Give a version that was just published its number, and keep what it tells."""
    routes = {
        str(compilation.routes[name].id): {"name": name, **telling_of(route).kept()}
        for name, route in compilation.contract.routes.items()
    }
    last = ToldFields.objects.aggregate(last=Max("number"))["last"] or 0
    free = max(int(now.timestamp()), last + 1)
    made = False
    while not made:
        # Another version may be published in this very moment.
        _, made = ToldFields.objects.get_or_create(
            number=free,
            defaults={"version": version, "contract": version.contract.name, "name": version.name, "routes": routes},
        )
        free += 1


def names_of(numbers: set[int]) -> dict[int, str]:
    """Name versions, NAME@VERSION, by the numbers that records have of them."""
    rows = ToldFields.objects.filter(number__in=numbers).values_list("number", "contract", "name")
    return {number: f"{contract}@{name}" for number, contract, name in rows}


def fields_told(month: str, partner: UUID | None) -> FieldsTold:
    """List what partners were given in a month of UTC (`2026-11`), by partner, route and field.

    Raises Invalid (`usage_too_many_rows`).
    """
    rows = told_in([month], None if partner is None else str(partner))
    known = _Known({row.contract_version for row in rows})
    sums: dict[tuple[str, str, int, FieldPair], Counter[str]] = defaultdict(Counter)
    unknown = 0
    for row in rows:
        telling = known.telling(row.contract_version, row.route)
        if telling is None:
            unknown += row.answers
            continue
        for pair in told(telling, row.backend_status):
            sums[row.partner, row.route, row.contract_version, pair].update(answers=row.answers, selected=row.selected)
        if len(sums) > MOST_ROWS:
            raise _too_many()
    names = {str(one.id): one.name for one in Partner.objects.filter(id__in={key[0] for key in sums} - {""})}
    items = [known.row(key, counts, names.get(key[0])) for key, counts in sums.items()]
    items.sort(key=lambda one: (one.partner_name or one.partner, one.route, one.contract, one.version))
    return FieldsTold(month, unknown, items)


class _Known:
    """What the versions tell that are asked about."""

    def __init__(self, numbers: set[int]) -> None:
        self._rows = ToldFields.objects.in_bulk(list(numbers))
        self._tellings: dict[tuple[int, str], Telling] = {}

    def telling(self, version: int, route: str) -> Telling | None:
        row = self._rows.get(version)
        if row is None or route not in row.routes:
            return None
        if (version, route) not in self._tellings:
            self._tellings[version, route] = restored(row.routes[route])
        return self._tellings[version, route]

    def row(self, key: tuple[str, str, int, FieldPair], counts: Counter[str], partner_name: str | None) -> ToldField:
        partner, route, version, pair = key
        found = self._rows[version]
        return ToldField(
            partner=partner,
            partner_name=partner_name,
            route=found.routes[route]["name"],
            contract=found.contract,
            version=found.name,
            field=pair.partner,
            backend_field=pair.backend,
            answers=counts["answers"],
            selected=counts["selected"] if found.routes[route]["at"] is not None else 0,
            selectable=found.routes[route]["at"] is not None,
        )


def _too_many() -> Invalid:
    return Invalid(
        f"the ledger of this month would have more than {MOST_ROWS:,} rows",
        [{"pointer": "/partner", "message": "this makes too many rows"}],
        code="usage_too_many_rows",
        remedy="ask for one partner",
    )
