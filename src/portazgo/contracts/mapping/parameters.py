"""Parameters of path, query and headers: what partners may send, and what the backend receives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from portazgo.contracts.language.headers import is_never_sent
from portazgo.contracts.language.operators import CoerceMoment, MapValue
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.refused import nearest
from portazgo.contracts.language.routes import ParameterTerms, RouteTerms
from portazgo.contracts.mapping.actions import left_out, misfit, pairs_of
from portazgo.contracts.mapping.filling import filled_type, misfit_of_value, write_value
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.mapping.requests import RequestProgram
from portazgo.contracts.mapping.views import View
from portazgo.contracts.schema.fitting import unfit
from portazgo.contracts.schema.shapes import SCALARS, Parameter, SchemaOperation, Shape, Type
from portazgo.routes.domain import is_own_header, parameters

Place = Literal["path", "query", "header"]
_TEXT = frozenset[Type]({"string"})
_NO_TERMS: Mapping[str, ParameterTerms] = {}


@dataclass(frozen=True, slots=True)
class Sent:
    """A parameter that partners send."""

    name: str
    backend: str
    place: Place
    required: bool
    many: bool
    view: View
    description: str | None
    default: Any = None
    """What the backend receives where partners leave it out."""
    has_default: bool = False


class Parameters:
    """The parameters of one route."""

    def __init__(self, places: Places, program: RequestProgram, problems: Problems) -> None:
        self._places = places
        self._program = program
        self._problems = problems
        self.sent: list[Sent] = []
        self.written: dict[Place, list[dict[str, Any]]] = {"path": [], "query": [], "header": []}
        self.fills: list[dict[str, Any]] = []

    def read(self, operation: SchemaOperation, terms: RouteTerms, path: str, backend_path: str) -> None:
        """Read what the route says of its parameters; what can't be done is noted."""
        self._path(operation, terms.path, path, backend_path)
        self._listed(operation, terms.query, "query", terms.at)
        self._listed(operation, terms.headers, "header", terms.at)

    def in_urls(self) -> list[list[Any]]:
        """Return what URLs of the backend's may say in their query: names, and values where partners have others for them."""
        return [
            [sent.backend, sent.name, *([] if values is None else [values])]
            for sent in self.sent
            if sent.place == "query"
            for values in [_values_in_urls(sent.view)]
        ]

    def _path(
        self, operation: SchemaOperation, terms: Mapping[str, ParameterTerms], path: str, backend_path: str
    ) -> None:
        known = {parameter.name: parameter for parameter in operation.parameters if parameter.place == "path"}
        # The route may call a parameter otherwise than the document: what stands in the same segment is the same.
        names = dict(zip(parameters(backend_path), parameters(operation.path), strict=False))
        for name in parameters(path):
            # One that the document does not know is a text all the same, and is written as one: what has a meaning in paths
            # (`;`) and not for the gateway is encoded.
            parameter = known.get(names.get(name, name)) or Parameter(name, "path", Shape(types=_TEXT), required=True)
            told = terms.get(name, ParameterTerms(""))
            if told.to is not None or told.has_default or told.required is not None:
                self._problems.add(told.at, f"{name} stands in the path, which the route names: only its value changes")
            self._send(replace(parameter, name=name, many=False), told, "path")
        for name, told in terms.items():
            if name not in parameters(path):
                self._problems.unknown(told.at, "the path has no parameter", name, parameters(path))

    def _listed(self, operation: SchemaOperation, terms: Mapping[str, ParameterTerms], place: Place, at: str) -> None:
        known = {parameter.name: parameter for parameter in operation.parameters if parameter.place == place}
        member = "headers" if place == "header" else place
        for name, told in terms.items():
            parameter = known.get(name)
            if parameter is None and (told.fill is None or place == "query") and place == "query":
                near = nearest(name, known)
                self._problems.add(told.at, f"the operation {operation.title} has no query parameter {name!r}", near)
                continue
            if place == "header" and (is_never_sent(name) or is_never_sent(told.to or name)):
                self._problems.add(told.at, f"the header {name} is the gateway's own, or leads round it")
                continue
            if parameter is None:
                # Documents rarely list headers: one that they don't know is a text.
                parameter = Parameter(name, place, Shape(types=_TEXT))
            if told.fill is not None:
                self._fill(parameter, told, place)
            else:
                self._send(parameter, told, place)
        for name, parameter in known.items():
            if parameter.required and name not in terms and not (place == "header" and is_own_header(name)):
                self._problems.add(
                    f"{at}/{member}" if terms else at,
                    f"the backend requires the {place} parameter `{name}`; fill it or let partners send it",
                )

    def _fill(self, parameter: Parameter, told: ParameterTerms, place: Place) -> None:
        if told.fill is None:
            return
        why = misfit_of_value(self._places, told.fill, parameter.shape)
        if why is not None:
            self._problems.add(f"{told.at}/fill", f"what fills {parameter.name} does not fit: {why}")
        value = write_value(told.fill, filled_type(self._places, parameter.shape))
        self.fills.append({"at": place, "out": parameter.name, "value": value})

    def _send(self, parameter: Parameter, told: ParameterTerms, place: Place) -> None:
        view = self._view(parameter, told)
        name = told.to or parameter.name
        if any(sent.name == name and sent.place == place for sent in self.sent):
            self._problems.add(told.at, f"two parameters are called {name!r} for the partner")
            return
        required = parameter.required if told.required is None else told.required
        if parameter.required and not required and not told.has_default:
            self._problems.add(f"{told.at}/required", f"the backend requires {parameter.name}: give it a default")
        required = required and not told.has_default
        if parameter.required or place == "path":
            self._check_stays(parameter, view)
        written: dict[str, Any] = {
            "in": name.lower() if place == "header" else name,
            "out": parameter.name,
            "required": required,
            "many": parameter.many,
            "node": self._program.node(view),
        }
        if told.has_default:
            # A parameter that may come several times has one default, or a list of them.
            several = parameter.many and isinstance(told.default, list)
            for value in told.default if several else [told.default]:
                why = unfit(self._places.schema, parameter.shape, value)
                if why is not None:
                    self._problems.add(f"{told.at}/default", f"the default does not fit {parameter.name}: {why}")
            written["default"] = told.default
        self.written[place].append(written)
        sent = Sent(written["in"], parameter.name, place, required, parameter.many, view, parameter.description)
        self.sent.append(replace(sent, default=told.default, has_default=told.has_default))

    def _view(self, parameter: Parameter, told: ParameterTerms) -> View:
        one = self._places.united(parameter.shape)
        scalars = frozenset(kind for kind in one.types if kind in SCALARS)
        if one.free or not scalars:
            one, scalars = Shape(types=_TEXT, description=one.description), _TEXT
        if told.action is not None:
            why = misfit(told.action, scalars, one, request=True)
            if why is not None:
                self._problems.add(told.action.at, f"the value of {parameter.name}: {why.why}", why.near)
                return View(shape=one, scalars=scalars)
        # A text is never null: that a parameter may be null means that it may be absent.
        return View(shape=one, scalars=scalars, action=told.action)

    def _check_stays(self, parameter: Parameter, view: View) -> None:
        """Note an action that may leave the parameter out: a null is no text."""
        action = view.action
        if isinstance(action, MapValue) and action.otherwise in ("omit", "null"):
            self._problems.add(action.at, left_out(parameter.name, action.otherwise), "fail")


def _values_in_urls(view: View) -> dict[str, Any] | None:
    """Return what the backend's values are to partners (URLS of docs/programs.md); None: the same, as texts."""
    action = view.action
    if isinstance(action, MapValue):
        known: dict[str, str] = {}
        for backend, partner in pairs_of(action, view.scalars, view.shape):
            known.setdefault(_text_of(backend), _text_of(partner))
        return {"map": [list(pair) for pair in known.items()], "copy": action.otherwise == "copy"}
    # A moment in its other form: nothing that could be looked up.
    return {"map": [], "copy": False} if isinstance(action, CoerceMoment) else None


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
