"""What a report is asked for, and what of the sums answers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from portazgo.applications.models import Application
from portazgo.faults.catalogue import by_code
from portazgo.kit.errors import Invalid
from portazgo.kit.ids import parse_id
from portazgo.partners.models import Partner
from portazgo.routes.models import Route
from portazgo.usage.periods import Period
from portazgo.usage.reading import Narrowed, Sum

if TYPE_CHECKING:
    from django.db.models import Model

GROUPS = ("partner", "application", "kid", "route", "environment", "fault", "blame", "billable")
NAMED: dict[str, type[Model]] = {"partner": Partner, "application": Application, "route": Route}
DERIVED = {"environment": "application", "blame": "fault"}
"""What is no member of a sum, and the member that it follows from."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about. `only` has a value for each member that it is narrowed by; "" asks for what has none."""

    periods: Sequence[Period]
    by_period: bool
    group_by: Sequence[str]
    only: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def is_one_sum(self) -> bool:
        """Whether there is one row, also where nothing was called."""
        return not self.group_by and not self.by_period


class Row(NamedTuple):
    """One sum: the number of its period, what it is of in the order of `group_by`, "" where there is none, and the sums."""

    period: int
    values: tuple[Any, ...]
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as sums answer it: `members` in the order in which they are read, those that are grouped by first.

    `only`: what the question is narrowed by, ids in place of names; `environment` of it is looked for here, the rest, as
    `narrowed`, in the ledger.
    """

    only: Mapping[str, str | bool]
    members: tuple[str, ...]
    group_by: Sequence[str]
    narrowed: Narrowed
    environment: str | bool | None

    @property
    def behind(self) -> tuple[str, ...]:
        """Members that are read only because something follows from them: several sums make one row."""
        return tuple(name for name in self.members if name not in self.group_by)

    @property
    def follows(self) -> bool:
        """Whether anything follows from a member."""
        return self.environment is not None or not DERIVED.keys().isdisjoint(self.group_by)


def understand(question: Question) -> Asked:
    """Tell which sums answer. Raises Invalid for a name that several have."""
    only = {name: _identified(name, value, question.only) for name, value in question.only.items()}
    of_the_ledger = dict(only)
    environment = of_the_ledger.pop("environment", None)
    wanted = [*question.group_by, *(["environment"] if environment is not None else [])]
    members = [name for name in wanted if name not in DERIVED] + [DERIVED[name] for name in wanted if name in DERIVED]
    return Asked(only, tuple(dict.fromkeys(members)), question.group_by, _narrowed(of_the_ledger), environment)


class Values:
    """Gives what a sum is of, in the order of `group_by`: environments follow from applications, blame from faults."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._place = {name: number for number, name in enumerate(asked.members)}
        self._blames = {"": "", **{code: str(fault.blame) for code, fault in by_code().items()}}
        self._environments: dict[str, str] = {}

    def of(self, sums: Iterable[Sum]) -> list[tuple[Any, ...] | None]:
        """Give the values of each; None for one that the question does not mean."""
        known = list(sums)
        if not self._asked.follows:
            return [self._values(one.members) for one in known]
        if self._asked.environment is not None or "environment" in self._asked.group_by:
            self._look_up({one.members[self._place["application"]] for one in known})
        wanted = self._asked.environment
        return [
            self._values(one.members) if wanted is None or self._value("environment", one.members) == wanted else None
            for one in known
        ]

    def _values(self, members: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([self._value(name, members) for name in self._asked.group_by])

    def _value(self, name: str, members: Sequence[Any]) -> Any:
        if name == "environment":
            return self._environments.get(members[self._place["application"]], "")
        if name == "blame":
            return self._blames.get(members[self._place["fault"]], "")
        value = members[self._place[name]]
        return bool(value) if name == "billable" else value  # SQLite gives truth values as numbers

    def _look_up(self, applications: set[str]) -> None:
        wanted = [one for one in applications - self._environments.keys() if parse_id(one) is not None]
        for start in range(0, len(wanted), _AT_ONCE):
            rows = Application.objects.filter(id__in=wanted[start : start + _AT_ONCE]).values_list("id", "environment")
            self._environments |= {str(identifier): environment for identifier, environment in rows}


def _narrowed(only: Mapping[str, str | bool]) -> Narrowed:
    narrowed: dict[str, tuple[str, ...] | bool] = {}
    for name, value in only.items():
        if name == "blame":
            codes = {code for code, fault in by_code().items() if fault.blame == value} if value else {""}
            known = narrowed.get("fault")
            narrowed["fault"] = tuple(sorted(codes & set(known) if isinstance(known, tuple) else codes)) or ("\x7f",)
        elif name == "fault" and "fault" in narrowed:
            both = {value} & set(narrowed["fault"])  # type: ignore[arg-type]  # a tuple of codes
            narrowed["fault"] = tuple(both) or ("\x7f",)  # type: ignore[arg-type]  # no fault is called so
        else:
            narrowed[name] = value if isinstance(value, bool) else (value,)
    return narrowed


def _identified(name: str, value: str | bool, only: Mapping[str, str | bool]) -> str | bool:  # noqa: FBT001 - a member's value
    """Give the id of what is called so; what nothing is called stays as it is, and matches nothing."""
    model = NAMED.get(name)
    if model is None or not isinstance(value, str) or not value or parse_id(value) is not None:
        return value
    found = model._default_manager.filter(name=value)  # noqa: SLF001 - Django's name for it
    if name == "application" and only.get("partner"):
        found = found.filter(partner_id=parse_id(str(_identified("partner", only["partner"], only))))
    ids = [str(one) for one in found.values_list("id", flat=True)[:2]]
    if len(ids) > 1:
        raise Invalid.at(f"/{name}", f"several are called {value!r}: write the id", code="name_ambiguous")
    return ids[0] if ids else value
