"""Compiling one route of a contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from portazgo.contracts.language.operators import Fill
from portazgo.contracts.language.paths import Path, format_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.refused import listed
from portazgo.contracts.language.routes import (
    AnswerTerms,
    EmptyTerms,
    JsonTerms,
    PassTerms,
    ProblemTerms,
    RouteTerms,
)
from portazgo.contracts.mapping.answers import AnswerProgram
from portazgo.contracts.mapping.bodies import JSON, JsonContent, answer_of, json_content
from portazgo.contracts.mapping.components import Components
from portazgo.contracts.mapping.fields import TooManyWays, fields_of
from portazgo.contracts.mapping.filling import check_claims
from portazgo.contracts.mapping.operations import find_operation
from portazgo.contracts.mapping.parameters import Parameters
from portazgo.contracts.mapping.partner import Partner
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.planning import Planner
from portazgo.contracts.mapping.requests import RequestProgram
from portazgo.contracts.mapping.spots import BARE, Plan, child_of
from portazgo.contracts.mapping.targets import partner_path
from portazgo.contracts.mapping.untold import untold
from portazgo.contracts.mapping.urls import RoutePaths, Urls
from portazgo.contracts.mapping.views import View
from portazgo.contracts.mapping.walking import Walker
from portazgo.contracts.schema.shapes import Schema, SchemaOperation, Shape

FIELDS_AT_MOST = 5000
"""Of one answer. Objects that lead to each other in circles come to more by every way that there is through them."""
_WAYS_AT_MOST = 20 * FIELDS_AT_MOST
_WITHOUT_BODY = frozenset({"204", "304", "205"})


@dataclass(slots=True)
class Compiled:
    """What a route came to."""

    operation: SchemaOperation
    wire: dict[str, Any] = field(default_factory=dict)
    parameters: Parameters | None = None
    request: Shape | None = None
    answers: dict[str, Shape] = field(default_factory=dict)
    fields: dict[str, list[tuple[Path, Path]]] = field(default_factory=dict)


class RouteCompiler:
    """Compiles the routes of one contract."""

    def __init__(self, schema: Schema, routes: Mapping[str, RoutePaths], problems: Problems) -> None:
        self._schema = schema
        self._routes = routes
        self._problems = problems
        self._names = Components()
        self.components: dict[str, Shape] = {}

    def compile(self, terms: RouteTerms, route: RoutePaths) -> Compiled | None:
        """Compile a route; None, with the problem noted, when its operation is unknown."""
        operation = find_operation(self._schema, terms, route, self._problems)
        if operation is None:
            return None
        self._check_fills(terms, route.claims)
        compiled = Compiled(operation)
        request = self._request(compiled, terms, route)
        answers = self._answers(compiled, terms)
        if any(isinstance(told, ProblemTerms) and told.errors is not None for told in terms.answers.values()):
            request |= self._untold(compiled)
        compiled.wire = {"request": request, **answers}
        if terms.sampling is not None:
            compiled.wire["sampling"] = asdict(terms.sampling)
        if terms.compress is not None:
            compiled.wire["compress"] = terms.compress
        return compiled

    def _untold(self, compiled: Compiled) -> dict[str, Any]:
        told = [*compiled.answers.values(), *([] if compiled.request is None else [compiled.request])]
        names = untold(compiled.operation, self._schema, told, self.components)
        return {"untold": names} if names else {}

    def _check_fills(self, terms: RouteTerms, claims: frozenset[str] | None) -> None:
        operators = terms.request.operators if isinstance(terms.request, JsonTerms) else ()
        fills = [(operator.at, operator.value) for operator in operators if isinstance(operator, Fill)]
        parameters = (*terms.query.values(), *terms.headers.values())
        fills += [(f"{told.at}/fill", told.fill) for told in parameters if told.fill is not None]
        for at, value in fills:
            check_claims(value, at, claims, self._problems)

    def _request(self, compiled: Compiled, terms: RouteTerms, route: RoutePaths) -> dict[str, Any]:
        places = Places(self._schema, "request")
        body, view, plan = self._request_body(compiled.operation, terms, places)
        partner = Partner("request", self.components, closed=plan is None or plan.unknown == "refuse")
        program = RequestProgram(partner)
        if view is not None and plan is not None and body is not None:
            body["root"] = program.body(view, plan.unknown)
            compiled.request = partner.shape(view)
        parameters = Parameters(places, program, self._problems)
        parameters.read(compiled.operation, terms, route.path, route.backend_path)
        compiled.parameters = parameters
        for why in program.refused:
            at = terms.request.at if isinstance(terms.request, JsonTerms) else terms.at
            self._problems.add(at, f"{compiled.operation.title} can't be checked as its schema says: {why}")
        return {
            "body": body,
            "program": program.written(),
            "path": parameters.written["path"],
            "query": parameters.written["query"],
            "headers": parameters.written["header"],
            "query_unknown": terms.query_unknown,
            "fill": parameters.fills,
        }

    def _request_body(
        self, operation: SchemaOperation, terms: RouteTerms, places: Places
    ) -> tuple[dict[str, Any] | None, View | None, Plan | None]:
        body, told = operation.request, terms.request
        if told is None:
            if body is not None and body.required:
                self._problems.add(terms.at, f"{operation.title} takes a body: say in `request` what partners may send")
            return None, None, None
        if isinstance(told, PassTerms):
            required = body is not None and body.required
            written = {"kind": "pass", "required": required, "types": list(told.types), "max_bytes": told.max_bytes}
            return written, None, None
        content = json_content(body) if body is not None else None
        if body is None or content is None:
            what = (
                "takes no body"
                if body is None
                else "takes no JSON: let its body pass, {pass: {types: …, max_bytes: …}}"
            )
            self._problems.add(told.at, f"{operation.title} {what}")
            return None, None, None
        plan, view = self._mapped(told, content.shape, places, terms)
        required = body.required or any(op for op in told.operators if isinstance(op, Fill))
        return {"kind": "json", "required": required, "types": list(content.types)}, view, plan

    def _mapped(self, told: JsonTerms, shape: Shape, places: Places, terms: RouteTerms) -> tuple[Plan, View]:
        plan = Planner(places, self._problems).plan(shape, told.operators, told.at)
        return plan, Walker(places, plan, self._names, self._problems, terms.missing).view()

    def _answers(self, compiled: Compiled, terms: RouteTerms) -> dict[str, Any]:
        parameters = compiled.parameters
        urls = Urls(self._routes.values(), [] if parameters is None else parameters.in_urls())
        headers = [{"in": name, "out": header.to, "url": header.url} for name, header in terms.response_headers.items()]
        if any(header["url"] for header in headers):
            urls.index("omit")  # headers are rewritten by the first list
        program = AnswerProgram(urls)
        answers: list[dict[str, Any]] = []
        at: list[str] | None = [] if terms.fields == () else None
        plans: list[Plan] = []
        for status, told in terms.answers.items():
            written = self._answer(compiled, status, told, terms, program)
            if written is None:
                continue
            body, types, plan = written
            if plan is not None and terms.fields:
                plans.append(plan)
                at = self._fields_at(plan, terms) or at
            answers.append(
                {"status": status, "send": told.send, "body": body, "headers": headers, "content_types": list(types)}
            )
        # Exact statuses before classes, and both before the rest: the first that fits counts.
        answers.sort(key=lambda answer: (answer["status"] == "default", answer["status"].endswith("XX")))
        if terms.fields and at is None:
            self._lack_fields(terms, terms.fields, plans)
        return {
            "answers": answers,
            "program": program.written(),
            "fields": None if terms.fields is None else {"at": at or []},
        }

    def _answer(
        self, compiled: Compiled, status: str, told: AnswerTerms, terms: RouteTerms, program: AnswerProgram
    ) -> tuple[dict[str, Any], tuple[str, ...], Plan | None] | None:
        if isinstance(told, EmptyTerms):
            return {"kind": "empty"}, (), None
        if isinstance(told, ProblemTerms):
            return {"kind": "problem", "detail": told.detail, "errors": told.errors}, (), None
        if isinstance(told, PassTerms):
            # Its types, that may be ranges, are the body's; those of an answer are of JSON.
            return {"kind": "pass", "types": list(told.types), "max_bytes": told.max_bytes}, (), None
        content = self._json_answer(compiled.operation, status, told)
        if content is None:
            return None
        plan, view = self._mapped(told, content.shape, Places(self._schema, "answer"), terms)
        if not self._problems:
            self._tell(compiled, status, told, view)
        root = {} if self._problems else {"root": program.node(view)}  # programs are written only of what is whole
        return {"kind": "json", **root, "hold": terms.hold}, content.types, plan

    def _tell(self, compiled: Compiled, status: str, told: JsonTerms, view: View) -> None:
        """Write down what partners receive."""
        partner = Partner("answer", self.components)
        compiled.answers[status] = partner.shape(view)
        try:
            compiled.fields[status] = list(islice(fields_of(view, _WAYS_AT_MOST), FIELDS_AT_MOST + 1))
            too_many = len(compiled.fields[status]) > FIELDS_AT_MOST
        except TooManyWays:
            too_many = True
        for at, why in partner.misfits:
            self._problems.add(at, why)
        if too_many:
            self._problems.add(
                told.at,
                f"more than {FIELDS_AT_MOST} fields pass: of objects that lead to each other, name what may pass",
            )

    def _json_answer(self, operation: SchemaOperation, status: str, told: JsonTerms) -> JsonContent | None:
        body = answer_of(operation, status)
        if body is None:
            # Of statuses the nearest in spelling is seldom the one that was meant.
            there = listed(sorted(operation.answers))
            self._problems.add(told.at, f"{operation.title} has no answer {status!r}{there}")
            return None
        content = json_content(body)
        if content is None:
            empty = status in _WITHOUT_BODY or not body.contents
            use = "{empty: true}" if empty else "{pass: {types: …, max_bytes: …}}"
            self._problems.add(told.at, f"the answer {status} of {operation.title} is no {JSON}: write {use}")
        return content

    def _lack_fields(self, terms: RouteTerms, path: Path, plans: list[Plan]) -> None:
        """Note that `fields` begins nowhere: the schema lacks the path, or it does not pass."""
        places = Places(self._schema, "answer")
        lost = [places.lost(plan.root.shape, path) for plan in plans]
        if lost and all(lost):
            meant = next((one[1] for one in lost if one is not None and one[1] is not None), None)
            near = None if meant is None else format_path(meant)
            self._problems.add(f"{terms.at}/fields/at", f"no answer has {format_path(path)}", near)
        elif not self._problems:
            # Where something else is wrong, that may be why.
            self._problems.add(f"{terms.at}/fields/at", f"no answer has {format_path(path)} among what passes")

    def _fields_at(self, plan: Plan, terms: RouteTerms) -> list[str] | None:
        """Return the partner's names of the path below which `?fields=` begins."""
        spot, path = plan.root, terms.fields or ()
        for index, step in enumerate(path):
            child = child_of(spot, step)
            if child is None:
                return None
            if step not in spot.children:
                names = self._names_below(plan, spot.shape, path[index:])
                return None if names is None else [*partner_path(plan, spot), *names]
            spot = child
        return list(partner_path(plan, spot))

    def _names_below(self, plan: Plan, shape: Shape, path: Path) -> list[str] | None:
        """Return the partner's names of what passes because something around it does; None: the schema lacks it."""
        places, names = Places(self._schema, "answer"), []
        for step in path:
            inner = places.child(shape, step)
            if inner is None:
                return None
            names.append(plan.partner_name(step, BARE))
            shape = inner
        return names
