"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.declarative.document import EMPTY
from portazgo.declarative.domain import Ref
from portazgo.declarative.planning import Outcome, Plan, Takeover, summary
from portazgo.declarative.problems import Problem
from portazgo.declarative.rules.lines import Line
from portazgo.kit.names import SLUG_PATTERN
from portazgo.kit.web.schemas import Body, PageQuery, Truth, Whole

Name = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]
Tree = Annotated[dict[str, Any], Field(description="The file as JSON (schema/portazgo.json).", examples=[EMPTY])]
NAMED_AT_MOST = 100
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class CheckDocument(Body):
    """A document to be checked."""

    document: Tree


class DiffDocument(Body):
    """A document to be compared with what there is."""

    document: Tree
    adopt: Truth = Field(False, description="Take over what no file owns, though it differs.")  # noqa: FBT003 - a field's default
    take_from: list[Name] = Field([], max_length=50, description="Files whose things this one may take over.")

    def takeover(self) -> Takeover:
        """Give it to the service."""
        return Takeover(self.adopt, frozenset(self.take_from))


class ApplyDocument(DiffDocument):
    """A document to be applied."""

    fingerprint: Fingerprint | None = Field(None, description="Of the plan that was shown; null: whatever it is now.")
    confirmed: Truth = Field(False, description="What it exposes, breaks and deletes is meant.")  # noqa: FBT003 - likewise


class RollBack(Body):
    """An apply to go back to."""

    to: Annotated[Whole, Field(ge=1, lt=2**31)] | None = Field(None, description="Null: the last but one.")
    name: Name | None = Field(None, description="Of which file, where `to` is null and several were applied.")
    dry_run: Truth = Field(False, description="Only plan it.")  # noqa: FBT003 - likewise
    fingerprint: Fingerprint | None = None
    confirmed: Truth = False


class ProblemView(Schema):
    """What is wrong, and where."""

    pointer: str
    message: str


class CheckReport(Schema):
    """All that is wrong."""

    ok: bool
    problems: list[ProblemView]

    @classmethod
    def of(cls, problems: list[Problem]) -> CheckReport:
        """Make it of what the service found."""
        views = [ProblemView(pointer=one.pointer, message=one.message) for one in problems]
        return cls(ok=not problems, problems=views)


class LineView(Schema):
    """What one step does to whom."""

    action: Literal["create", "change", "delete"]
    kind: str
    name: str
    sentence: str
    affects: list[str] = Field(description="Applications, `partner/application`, that notice it; the first hundred.")
    affected: int = Field(description="How many applications notice it.")

    @classmethod
    def of(cls, line: Line) -> LineView:
        """Make it of a line."""
        return cls(
            action=line.action,
            kind=line.ref.kind,
            name=line.ref.name,
            sentence=line.sentence,
            affects=list(line.affects[:NAMED_AT_MOST]),
            affected=len(line.affects),
        )


class ThingView(Schema):
    """A thing by its name."""

    kind: str
    name: str

    @classmethod
    def of(cls, ref: Ref) -> ThingView:
        """Make it of a name."""
        return cls(kind=ref.kind, name=ref.name)


class SummaryView(Schema):
    """How many things."""

    created: int
    changed: int
    deleted: int
    taken_over: int


class ConfigurationPlan(Schema):
    """What an apply would do, the gravest first."""

    name: str
    fingerprint: str
    differs: bool
    guarded: bool = Field(description="Whether applying wants `confirmed`.")
    exposes: list[LineView]
    breaks: list[LineView]
    rest: list[LineView]
    takes_over: list[ThingView]
    releases: list[ThingView]
    summary: SummaryView

    @classmethod
    def of(cls, plan: Plan) -> ConfigurationPlan:
        """Make it of a plan."""
        return cls(
            name=plan.name,
            fingerprint=plan.fingerprint,
            differs=not plan.is_empty,
            guarded=plan.is_guarded,
            exposes=[LineView.of(line) for line in plan.of("exposes")],
            breaks=[LineView.of(line) for line in plan.of("breaks")],
            rest=[LineView.of(line) for line in plan.of("rest")],
            takes_over=[ThingView.of(ref) for ref in plan.takes_over],
            releases=[ThingView.of(ref) for ref in plan.releases],
            summary=SummaryView(**summary(plan)),
        )


class OutcomeView(Schema):
    """What became of an apply; number and revision are null where there was nothing to do, or only to plan."""

    applied: bool
    number: int | None
    revision: int | None
    restores: int | None
    plan: ConfigurationPlan

    @classmethod
    def of(cls, outcome: Outcome, restores: int | None = None) -> OutcomeView:
        """Make it of what the service did."""
        return cls(
            applied=outcome.number is not None,
            number=outcome.number,
            revision=outcome.revision,
            restores=restores,
            plan=ConfigurationPlan.of(outcome.plan),
        )


class AppliesQuery(PageQuery):
    """A page of applies."""

    name: Annotated[str | None, Field(None, max_length=63)]


class ApplyView(Schema):
    """An apply."""

    number: int
    name: str = Field(validation_alias="owner")
    at: datetime
    actor_name: str
    revision: int | None
    restores: int | None
    summary: SummaryView


class ApplyWithDocument(ApplyView):
    """An apply, and what it carried out."""

    document: dict[str, Any]


class ExportQuery(Schema):
    """How the file is to be called."""

    name: Annotated[Name | None, Field(None, description="Left out: that of the only file that owns something.")]


class Exported(Schema):
    """All that there is, as a document."""

    document: dict[str, Any]
