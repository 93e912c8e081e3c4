"""Parameters, addresses and masks, made up at random: what else of a call the property test of contracts is fed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from support.contract_cases import NEEDLE, Made, Maker, pointer

VALUES: dict[str, Any] = {
    "partner": {"id": "p-1", "metadata": {"tier": "gold", "seats": 7, "beta": True}},
    "application": {"name": "crm", "environment": "live", "metadata": {"seats": "12"}},
    "key": {"kid": "a1b2c3d4e5"},
    "now_us": 1_795_622_592_345_678,
}
_TEXT = {"type": "string"}
_LARGEST_MASK = 500


@dataclass
class Sent:
    """What a partner sends beside the body."""

    owner: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]

    @property
    def received(self) -> str:
        """As the native module takes it."""
        return json.dumps([[["owner", quote(self.owner, safe="")]], urlencode(self.query), self.headers])


class CallMaker(Maker):
    """Makes one case, with all that surrounds its bodies."""

    def schema(self) -> Made:
        """Make a backend's document; its operation has parameters."""
        made = super().schema()
        made.parameters = [self._parameter("owner", "path")]
        names = self.random.sample(("page", "size", "order", "tenant_ref", "se\u00f1a"), self.random.randint(1, 4))
        made.parameters += [self._parameter(name, "query") for name in names]
        made.parameters += [
            self._parameter(name, "header") for name in ("X-Tenant", "X-Note") if self.random.random() < 0.5
        ]
        return made

    def _parameter(self, name: str, place: str) -> dict[str, Any]:
        schema = dict(
            self.random.choice(
                (
                    {"type": "string"},
                    {"type": "string", "enum": ["open", "closed", "lost"]},
                    {"type": "string", "minLength": 1, "maxLength": 40},
                    {"type": "integer"},
                    {"type": "integer", "minimum": -5, "maximum": 1_000_000},
                    {"type": "integer", "enum": [1, 2, 3]},
                    {"type": "boolean"},
                )
            )
        )
        if place == "query" and self.random.random() < 0.25:
            schema = {"type": "array", "items": schema}
        return {"name": name, "in": place, "required": place == "path" or self.random.random() < 0.4, "schema": schema}

    # ---------------------------------------------------------------------------------------------- parameters

    def parameter_terms(self, made: Made) -> dict[str, Any]:
        """Say of each parameter what becomes of it: some are dropped, some filled, some change."""
        terms: dict[str, Any] = {"path": {}, "query": {}, "headers": {}}
        for parameter in made.parameters:
            place = {"path": "path", "query": "query", "header": "headers"}[parameter["in"]]
            schema = parameter["schema"].get("items", parameter["schema"])
            if place == "path":
                terms[place] = {parameter["name"]: self._changed(schema)} if self.random.random() < 0.2 else {}
            elif parameter["required"] or self.random.random() < 0.75:
                terms[place][parameter["name"]] = self._told(schema, place)
        if self.random.random() < 0.4:
            terms["query_unknown"] = self.random.choice(("drop", "refuse"))
        return {name: told for name, told in terms.items() if told}

    def _told(self, schema: dict[str, Any], place: str) -> dict[str, Any]:
        if self.random.random() < 0.25:
            told = self.value_of_caller(schema)
            return {"fill": {"const": self._constant(schema)} if told is None else told}
        told = self._changed(schema)
        if self.random.random() < 0.4:
            self._count += 1
            told["to"] = (
                f"new-{self._count}"
                if place == "headers"
                else self.random.choice((f"new{self._count}", f"\u00e9 {self._count}"))
            )
        if self.random.random() < 0.3:
            told["default"] = self._constant(schema)
        elif self.random.random() < 0.2:
            told["required"] = True
        return told

    def _changed(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {}
        if "enum" in schema and schema["type"] == "string":
            values = {"open": "OPEN", "closed": self.random.choice(("SHUT", 7))}
            return {"map_value": {"values": values, "otherwise": self.random.choice(("fail", "copy"))}}
        if "enum" in schema:
            return {"map_value": {"values": {"1": "one", "2": "two", "3": "three"}}}
        return {"coerce": "string"} if schema["type"] in {"integer", "boolean"} else {}

    def _constant(self, schema: dict[str, Any]) -> Any:
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        return {"string": "by contract", "integer": 5, "boolean": True}[schema["type"]]

    def sent(self, parameters: Any) -> Sent:
        """Make what a partner sends by the documented parameters, and sometimes against them."""
        sent = Sent("", [], [])
        for parameter in parameters:
            many = parameter.schema.get("type") == "array"
            schema = parameter.schema["items"] if many else parameter.schema
            text = self._written(schema)
            if parameter.place == "path":
                sent.owner = text
            elif parameter.required or self.random.random() < 0.7:
                texts = [text, *(self._written(schema) for _ in range(self.random.randint(0, 2)))] if many else [text]
                (sent.headers if parameter.place == "header" else sent.query).extend(
                    (parameter.name, one) for one in texts
                )
        sent.headers.append((f"x-{NEEDLE.lower()}", NEEDLE))
        if self.random.random() < 0.15:
            sent.query.append((NEEDLE, NEEDLE))
        if self.random.random() < 0.1 and sent.query:
            sent.query.append(self.random.choice(sent.query))
        self.random.shuffle(sent.query)
        return sent

    def _written(self, schema: dict[str, Any]) -> str:
        if self.random.random() < 0.05:
            return self.random.choice(("1.5", "yes", "tr ue", "-0", "1e2", "lost", "0007"))
        if "const" in schema or "enum" in schema:
            value = self.random.choice(schema.get("enum", [schema.get("const")]))
            return value if isinstance(value, str) else json.dumps(value)
        types = schema.get("type", "string")
        kind = types if isinstance(types, str) else self.random.choice(types)
        text = json.loads(self._write_scalar({**schema, "type": kind}, kind, hidden=False))
        written = text if isinstance(text, str) else json.dumps(text)
        return re.sub(r"[\ud800-\udfff\"\\\\]", "", written) or "x"

    # ------------------------------------------------------------------------------------------------ addresses

    def link(self) -> str:
        """Make a Link header: some of its links lead to the partner's routes, and some say more than a relation."""
        links = []
        for _ in range(self.random.randint(1, 3)):
            more = self.random.choice(
                (
                    '; rel="next"',
                    "; rel=prev",
                    f'; title="a, <{NEEDLE}>"; rel="first"',
                    "",
                    f'; rel="{NEEDLE}!"',
                    f'; rel=last; x="{NEEDLE}"',
                )
            )
            links.append(f"<{self.address()}>{more}")
        return ", ".join(links)

    # ---------------------------------------------------------------------------------------------------- masks

    def fields_terms(self, places: list[tuple[list[str], dict[str, Any]]], selects: list[list[str]]) -> Any:
        """Say whether partners may ask for some members only, and below which place."""
        if self.random.random() < 0.5:
            return True
        objects = [
            path
            for path, node in places
            if node.get("properties") and "*" not in path and not self._hides(path, selects)
        ]
        return {"at": pointer(self.random.choice(objects))} if objects else True

    def _hides(self, path: list[str], selects: list[list[str]]) -> bool:
        self._selects = selects
        return self._is_hidden(path)

    def is_closed(self, components: Any, schema: dict[str, Any]) -> bool:
        """Tell whether partners are told of objects there, none of which is a map."""
        nodes = _objects(components, [schema])
        return bool(nodes) and all("additionalProperties" not in node for node in nodes)

    def mask(self, components: Any, schema: dict[str, Any], at: list[str], document: str) -> str | None:
        """Choose some of the members that partners may read below their path `at`; None: there are none."""
        nodes = _objects(components, [schema])
        for name in at:
            nodes = _objects(
                components, [one["properties"][name] for one in nodes if name in one.get("properties", {})]
            )
        keys = sorted(set(re.findall(r'"(key[0-9]+)"', document)))
        text = self._chosen(components, nodes, keys, 0)
        return text if text and len(text.encode()) < _LARGEST_MASK and text.count(",") < 60 else None

    def _chosen(self, components: Any, nodes: list[dict[str, Any]], keys: list[str], depth: int) -> str:
        members: dict[str, list[dict[str, Any]]] = {}
        for node in nodes:
            for name, member in node.get("properties", {}).items():
                members.setdefault(name, []).append(member)
            others = node.get("additionalProperties")
            if isinstance(others, dict):
                for key in keys[:3]:
                    members.setdefault(key, []).append(others)
        chosen = [name for name in members if self.random.random() < 0.45][: 6 if depth < 2 else 2]
        return ",".join(self._named(components, name, members[name], keys, depth) for name in chosen)

    def _named(self, components: Any, name: str, below: list[dict[str, Any]], keys: list[str], depth: int) -> str:
        inner = ""
        if depth < 4 and self.random.random() < 0.6:
            inner = self._chosen(components, _objects(components, below), keys, depth + 1)
        return f"{name}({inner})" if inner else name


def _objects(components: Any, nodes: list[dict[str, Any]], depth: int = 0) -> list[dict[str, Any]]:
    """Find the objects that may stand there, or in arrays there."""
    found: list[dict[str, Any]] = []
    for node in nodes if depth < 12 else ():
        if "$ref" in node:
            found += _objects(components, [components[node["$ref"].rpartition("/")[2]]], depth + 1)
        elif "anyOf" in node:
            found += _objects(components, node["anyOf"], depth + 1)
        else:
            if isinstance(node.get("items"), dict):
                found += _objects(components, [node["items"]], depth + 1)
            if "properties" in node or isinstance(node.get("additionalProperties"), dict):
                found.append(node)
    return found
