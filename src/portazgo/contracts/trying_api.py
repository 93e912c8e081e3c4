"""`/api/v1/contracts/{id}/test`: examples, put through a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from ninja import Router, Schema
from pydantic import Field, StringConstraints, field_validator

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.contracts import trying
from portazgo.contracts.examples.running import Example
from portazgo.contracts.models import Contract
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import Body, Truth

if TYPE_CHECKING:
    from portazgo.contracts.examples.trees import Difference

router = Router(tags=["contracts"])

EXAMPLES_AT_MOST = 50
LARGEST_EXAMPLE = 256 * 1024
LARGEST_TOGETHER = 1024**2
"""So much is given at once: bodies are put through on a thread of the admin API, which others wait for."""
VersionOrDraft = Annotated[str | None, Field(None, max_length=16, description="A version's name, or `draft`.")]
_Text = Annotated[str, StringConstraints(max_length=LARGEST_EXAMPLE)]


class ExampleBody(Schema):
    """A body, and what must come of it. Bodies are texts, so that numbers stay as they are written."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    route: Annotated[str, StringConstraints(max_length=63)]
    status: int | None = Field(None, ge=100, le=599, description="Of the backend's answer; null: a partner's request.")
    given: _Text = Field(examples=['{"id": 7, "title": "Welder"}'])
    expected: _Text | None = Field(None, description="What must come of it; null: it is only shown.")
    refused: Truth = Field(default=False, description="It must not pass.")
    values: _Text = Field("{}", description="JSON of what templates of a request read.")


class TestContract(Body):
    """Examples, and the version that they are put through."""

    version: VersionOrDraft
    against: Annotated[
        str | None, Field(None, max_length=16, description="Another version, to compare what it makes of them.")
    ]
    examples: list[ExampleBody] = Field(min_length=1, max_length=EXAMPLES_AT_MOST)

    @field_validator("examples")
    @classmethod
    def _not_too_much(cls, examples: list[ExampleBody]) -> list[ExampleBody]:
        if sum(len(one.given) for one in examples) > LARGEST_TOGETHER:
            raise ValueError(f"bodies of at most {LARGEST_TOGETHER} characters are tried at once")
        return examples


class PlaceDifference(Schema):
    """One place (a JSON Pointer) of a document, with the JSON before and after; null: nothing."""

    pointer: str
    before: str | None
    after: str | None


class ExampleView(Schema):
    """What came of an example."""

    name: str
    route: str
    status: int | None
    failed: bool
    failure: str | None
    body: str | None = Field(description="What came of it; null: it was refused.")
    refusal: str | None
    differences: list[PlaceDifference] = Field(description="From what was expected to what came.")
    changes: list[PlaceDifference] = Field(description="From what the other version makes of it to what came.")
    refusal_before: str | None = Field(description="Why the other version refuses it.")


class TestReport(Schema):
    """What came of the examples."""

    failed: int
    results: list[ExampleView]


@router.post("/contracts/{uuid:contract_id}/test", response=TestReport)
def test_contract(request: AdminRequest, contract_id: UUID, body: TestContract) -> dict[str, Any]:
    """Put examples through a version, as a node would, and hold what comes of them against what was written down.

    It is for authors: whoever may only read contracts may not have bodies of their own worked on.
    """
    examples = [
        Example(
            route=one.route,
            status=one.status,
            given=one.given.encode(),
            expected=None if one.expected is None else one.expected.encode(),
            refused=one.refused,
            values=one.values.encode(),
            name=one.name,
        )
        for one in body.examples
    ]
    can(request.actor, Verb.CHANGE, Contract.noun)
    contract = the_one(Contract.objects.select_related("api", "schema"), "contract", id=contract_id)
    tried = trying.try_examples(contract, body.version, body.against, examples)
    results = [_example(one) for one in tried]
    return {"failed": sum(one["failed"] for one in results), "results": results}


def _example(tried: trying.Tried) -> dict[str, Any]:
    result, compared = tried.result, tried.compared
    return {
        "name": result.example.name,
        "route": result.example.route,
        "status": result.example.status,
        "failed": result.failed,
        "failure": result.failure,
        "body": None if result.passed.body is None else result.passed.body.decode(),
        "refusal": result.passed.refusal,
        "differences": [_difference(one) for one in result.differences],
        "changes": [] if compared is None else [_difference(one) for one in compared.differences],
        "refusal_before": None if compared is None else compared.before.refusal,
    }


def _difference(one: Difference) -> dict[str, str | None]:
    return {"pointer": one.pointer, "before": one.before, "after": one.after}
