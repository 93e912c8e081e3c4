"""What nodes compare answers with: the newest document of the schema that a version of a contract is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from portazgo.contracts.addresses import addresses, with_addresses
from portazgo.contracts.drift.expecting import expectation_of
from portazgo.contracts.language.routes import recording_of
from portazgo.contracts.models import ToldFields
from portazgo.contracts.recording.redacting import known_of
from portazgo.contracts.recording.requests import rules_of
from portazgo.contracts.schema_versions import schema_of, version_of
from portazgo.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from portazgo.contracts.drift.expectation import Expectation
    from portazgo.contracts.language.routes import Recording
    from portazgo.contracts.models import BackendSchema, Contract, ContractVersion, SchemaVersion
    from portazgo.contracts.recording.redacting import Known
    from portazgo.contracts.recording.requests import Rules
    from portazgo.contracts.schema.shapes import SchemaOperation


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of the answers of one route, and of its requests where they are recorded."""

    schema: BackendSchema
    number: int
    """Of the document."""
    operation: str
    expectation: Expectation
    contract: Contract
    route: str
    """Its name in the version."""
    recording: Recording | None
    known: Known
    rules: Rules | None
    """Of its requests; None: it takes no JSON."""

    def written(self) -> dict[str, Any]:
        """Give what a node is sent."""
        told = {"schema_version": self.number, **self.expectation.written()}
        if self.recording is None:
            return told
        request = None if self.rules is None else self.rules.written()
        return {**told, "recording": {**self.known.written(), "request": request}}


class ToldOfARoute(Protocol):
    """What a node tells of a route's answers: by its id, and by the version's number in records."""

    @property
    def contract_version(self) -> int: ...  # noqa: D102 - see above

    @property
    def route(self) -> UUID: ...  # noqa: D102 - see above


Told = TypeVar("Told", bound=ToldOfARoute)


def newest_number(contract_version: int, route: str) -> int:
    """Give the number of the newest document, without reading it. Raises NotFound."""
    return _place(contract_version, route).document.number


def expected_of(contract_version: int, route: str) -> Expected:
    """Read what is expected. Raises NotFound: the version, the route or the operation is not known, or not any more."""
    place = _place(contract_version, route)
    operation = operation_in(place.document, place.operation)
    if operation is None:
        raise NotFound(f"the schema has no operation {place.operation}", code="operation_unknown")
    expectation = expectation_of(schema_of(place.document), operation)
    return Expected(
        schema=place.schema,
        number=place.document.number,
        operation=place.operation,
        expectation=expectation,
        contract=place.version.contract,
        route=place.kept["name"],
        recording=recording_of(place.version.terms.get("routes", {}).get(place.kept["name"], {})),
        known=known_of(
            with_addresses(place.kept["wire"], addresses(place.schema.backend.environments)).get("program", {})
        ),
        rules=rules_of(place.kept["wire"]["request"]),
    )


def by_expectation(told: Iterable[Told]) -> Iterator[tuple[Expected, list[Told]]]:
    """Group what nodes tell by route, with what is expected there. What was deleted meanwhile is left out."""
    places: dict[tuple[int, str], list[Told]] = {}
    for one in told:
        places.setdefault((one.contract_version, str(one.route)), []).append(one)
    for (version, route), found in places.items():
        try:
            expected = expected_of(version, route)
        except NotFound:
            continue
        yield expected, found


def operation_in(document: SchemaVersion, title: str) -> SchemaOperation | None:
    """Find an operation by what contracts call it."""
    try:
        operations = schema_of(document).operations
    except Invalid:
        return None
    return next((one for one in operations if title in {one.title, f"{one.method} {one.path}"}), None)


def expectation_in(document: SchemaVersion, title: str) -> Expectation | None:
    """Read what a document has for an operation's answers. None: it has no such operation."""
    operation = operation_in(document, title)
    return None if operation is None else expectation_of(schema_of(document), operation)


@dataclass(frozen=True, slots=True)
class _Place:
    schema: BackendSchema
    document: SchemaVersion
    version: ContractVersion
    kept: Mapping[str, Any]
    """What the version keeps of the route."""

    @property
    def operation(self) -> str:
        """The backend's."""
        return str(self.kept["operation"])


def _place(contract_version: int, route: str) -> _Place:
    told = (
        ToldFields.objects.select_related("version__contract__schema__backend").filter(number=contract_version).first()
    )
    if told is None or told.version is None or route not in told.version.compiled["routes"]:
        raise NotFound("there is no such route of a version", code="contract_version_unknown")
    schema = told.version.contract.schema
    return _Place(schema, version_of(schema), told.version, told.version.compiled["routes"][route])
