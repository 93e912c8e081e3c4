"""Schemas, contracts over them and documents, made up at random from a seed: what the property test of contracts is fed.

A document is valid by its schema; members that nobody selected hold needles in their values, and every object that the
schema leaves open has members that it doesn't know, with needles in their names.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from support.cel_by_hand import Tree
from support.contract_expressions import ExpressionMaker, Member, member_of

NEEDLE = "N33DLE"
COMPONENTS = ("Parcel", "Owner", "Stop", "Tree")
_MOMENT = "2026-11-26T15:37:12Z"


@dataclass
class Made:
    """A backend's document with one operation, and what stands in its components."""

    components: dict[str, Any]
    root: dict[str, Any]
    parameters: list[dict[str, Any]] = field(default_factory=list)

    def text(self) -> str:
        content = {"application/json": {"schema": self.root}}
        return json.dumps(
            {
                "openapi": "3.1.0",
                "info": {"title": "made up", "version": "1"},
                "paths": {
                    "/things/{owner}/": {
                        "post": {
                            "operationId": "things",
                            "parameters": self.parameters,
                            "requestBody": {"required": True, "content": content},
                            "responses": {"200": {"description": "", "content": content}},
                        }
                    }
                },
                "components": {"schemas": self.components},
            }
        )


class Maker:
    """Makes one case."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._count = 0
        self.mappings: dict[str, Any] = {}
        """What the last operators use."""
        self._rewritten: list[list[str]] = []

    # ------------------------------------------------------------------------------------------------- schemas

    def schema(self) -> Made:
        components = {name: self._object(2, name) for name in COMPONENTS}
        for index, name in enumerate(("Cat", "Dog")):
            variant = self._object(1, name)
            variant["properties"]["kind"] = {"type": "string", "const": ("cat", "dog")[index]}
            variant["required"].append("kind")
            components[name] = variant
        components["Pet"] = {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {
                "propertyName": "kind",
                "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
            },
        }
        root: dict[str, Any] = {"$ref": "#/components/schemas/Parcel"}
        kind = self.random.random()
        if kind < 0.2:
            root = {"type": "array", "items": root}
        elif kind < 0.35:
            results = {"type": "array", "items": root}
            count = {"type": "integer"}
            root = {"type": "object", "properties": {"count": count, "results": results}, "required": ["results"]}
        return Made(components, root)

    def _object(self, depth: int, owner: str = "") -> dict[str, Any]:
        properties = {}
        for _ in range(self.random.randint(2, 5)):
            self._count += 1
            name = f"{self.random.choice(('id', 'name', 'created_at', 'sizeOf', 'a.b', 'x-y', 'ñ'))}{self._count}"
            properties[name] = self._any(depth)
        if owner == "Tree" or self.random.random() < 0.15:
            name = self.random.choice(COMPONENTS)
            properties["children"] = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
        # A component that must hold another, which must hold the first, has no document that ends.
        may_end = [name for name, node in properties.items() if '"$ref"' not in json.dumps(node) or "items" in node]
        required = [name for name in may_end if self.random.random() < 0.6]
        made: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
        if self.random.random() < 0.2:
            made["additionalProperties"] = False
        elif self.random.random() < 0.2:
            made["additionalProperties"] = self._scalar()
        return made

    def _any(self, depth: int) -> dict[str, Any]:
        kind = self.random.random()
        made = self._scalar()
        if depth and kind < 0.12:
            made = self._object(depth - 1)
        elif kind < 0.24:
            made = {"$ref": f"#/components/schemas/{self.random.choice((*COMPONENTS, 'Pet'))}"}
        elif kind < 0.36:
            made = {"type": "array", "items": self._any(depth - 1) if depth else self._scalar()}
            if "$ref" not in json.dumps(made) and self.random.random() < 0.3:
                made["minItems"] = 1
        elif kind < 0.42:
            made = {"type": "object", "additionalProperties": self._any(depth - 1) if depth else self._scalar()}
        elif kind < 0.46:
            made = self.random.choice(({}, {"type": "object"}, {"type": "array", "items": {}}))
        elif kind < 0.5:
            made = {"anyOf": [{"type": "string", "maxLength": 12}, {"type": "integer"}]}
        if made and self.random.random() < 0.2:
            made = {"anyOf": [made, {"type": "null"}]}
        return made

    def _scalar(self) -> dict[str, Any]:
        chosen = self.random.choice(
            (
                {"type": "string"},
                {"type": "string", "enum": ["open", "closed", "lost"]},
                {"type": "string", "minLength": 1, "maxLength": 40},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "uri"},
                {"type": "integer"},
                {"type": "integer", "minimum": -5, "maximum": 1_000_000},
                {"type": "integer", "enum": [1, 2, 3]},
                {"type": "number"},
                {"type": "boolean"},
                {"type": ["string", "null"]},
            )
        )
        return dict(chosen)

    # ----------------------------------------------------------------------------------------------- documents

    def document(
        self,
        made: Made,
        selects: list[list[str]],
        node: dict[str, Any] | None = None,
        rewritten: Sequence[list[str]] = (),
    ) -> str:
        """Write a valid document, with needles in what is not selected, and in addresses that are to be rewritten."""
        self._rewritten = list(rewritten)
        self._components = made.components
        self._selects = selects
        return self._write(made.root if node is None else node, [], 5, frozenset())

    def _write(self, node: dict[str, Any], path: list[str], depth: int, around: frozenset[str]) -> str:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            # What was said of a component counts for it again further down: whether a place is hidden can't be told simply.
            if name in around:
                path = ["?"]
            return self._write(self._components[name], path, depth, around | {name})
        for keyword in ("oneOf", "anyOf"):
            if keyword in node:
                choice = node[keyword][-1] if depth <= 0 else self.random.choice(node[keyword])
                return self._write(choice, path, depth, around)
        types = node.get("type", "free")
        kind = self.random.choice(types) if isinstance(types, list) else types
        if kind == "free":
            return self._free(path)
        if kind == "array":
            most = 0 if depth <= 0 else 3
            least = node.get("minItems", 0)
            count = self.random.randint(least, max(most, least))
            items = [self._write(node["items"], path, depth - 1, around) for _ in range(count)]
            return "[" + ",".join(items) + "]"
        if kind == "object":
            return self._write_object(node, path, depth, around)
        if node.get("format") == "uri" and kind == "string":
            return json.dumps(self.address() if path in self._rewritten else self._plain_address(path))
        return self._write_scalar(node, kind, hidden=self._is_hidden(path))

    def _write_object(self, node: dict[str, Any], path: list[str], depth: int, around: frozenset[str]) -> str:
        members: list[tuple[str, str]] = []
        for name, below in node.get("properties", {}).items():
            if name in node.get("required", []) or (depth > 0 and self.random.random() < 0.6):
                members.append((name, self._write(below, [*path, name], depth - 1, around)))
        if isinstance(node.get("additionalProperties"), dict) and depth > 0:
            for _ in range(self.random.randint(0, 2)):
                self._count += 1
                below = node["additionalProperties"]
                members.append((f"key{self._count}", self._write(below, [*path, "*"], depth - 1, around)))
        elif "additionalProperties" not in node and "properties" in node and self.random.random() < 0.5:
            members.append((f"{NEEDLE}-name", json.dumps({NEEDLE: [NEEDLE, 1]})))
        elif "properties" not in node and "additionalProperties" not in node:
            return json.dumps({"free": self._text(path)})
        self.random.shuffle(members)
        return "{" + ",".join(f"{self._spelled(name)}:{value}" for name, value in members) + "}"

    def _free(self, path: list[str]) -> str:
        return self.random.choice(
            (json.dumps({"free": [self._text(path), 1.5]}), json.dumps(self._text(path)), "[]", "12")
        )

    def _text(self, path: list[str]) -> str:
        self._count += 1
        return f"{NEEDLE}{self._count}" if self._is_hidden(path) else f"v{self._count}"

    def _spelled(self, name: str) -> str:
        """Write a name, sometimes by escapes: it is the same name."""
        if self.random.random() < 0.1:
            return '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'
        return json.dumps(name, ensure_ascii=self.random.random() < 0.5)

    def _write_scalar(self, node: dict[str, Any], kind: str, *, hidden: bool) -> str:
        if "const" in node:
            return json.dumps(node["const"])
        if "pattern" in node:
            return json.dumps(str(self.random.randint(0, 99)))  # texts that are numbers have one
        if "enum" in node:
            return json.dumps(self.random.choice(node["enum"]))
        self._count += 1
        if kind == "null":
            return "null"
        if kind == "boolean":
            return self.random.choice(("true", "false"))
        if kind == "integer":
            plain = str(self.random.randint(-5, 1_000_000))
            large = "minimum" not in node and self.random.random() < 0.3
            return self.random.choice(("9007199254740993", "1234567890123456789", "0", "-7")) if large else plain
        if kind == "number":
            return self.random.choice(("1.10", "0.5", "1e3", "-0.0", "12", "3.0", "1E+2", "9007199254740993.5"))
        if node.get("format") == "date-time":
            return json.dumps(_MOMENT)
        if hidden:
            return json.dumps(f"{NEEDLE}{self._count % 1000}")
        return self.random.choice(
            (json.dumps(f"v{self._count}"), json.dumps(f'é"\\{self._count}'), '"\\ud83d\\ude00"', '"a"')
        )

    def _plain_address(self, path: list[str]) -> str:
        return f"https://elsewhere.example/{self._text(path)}"

    def address(self) -> str:
        """Make an address as a backend writes them: of a route of the partner's, or with a needle of one that is none."""
        origin = self.random.choice(
            (
                "http://backend.example:8000",
                "HTTP://Backend.example:8000",
                "https://backend.example:8000",
                "//backend.example:8000",
                "https://gateway.example:443",
                "",
            )
        )
        if self.random.random() < 0.15:
            origin = f"https://{NEEDLE}.example"
        owner = self.random.choice(("7", "a-b", "a%20b", "%C3%B1", "x.y", "..", "%2e", "a%2Fb", "", "a;b", "é"))
        slash = "" if self.random.random() < 0.1 else "/"
        path = f"/things/{owner}{slash}" if self.random.random() < 0.8 else f"/{NEEDLE}/{owner}"
        pairs = [
            self.random.choice(
                ("page=2", "size=%C3%B1", "p%61ge=1+2", f"{NEEDLE}=1", "order", "page=é", f"secret={NEEDLE}", "", "=")
                if self.random.random() < 0.8
                else (
                    "page=http://Backend.example/x",
                    "size=%252F%252Fbackend%2Eexample",
                    "order=open",
                    "page=3",
                    "size=",
                )
            )
            for _ in range(self.random.randint(0, 3))
        ]
        fragment = self.random.choice(("", "", f"#{NEEDLE}"))
        return origin + path + ("?" + "&".join(pairs) if pairs else "") + fragment

    def _is_hidden(self, path: list[str]) -> bool:
        if path[:1] == ["?"]:
            return False
        for select in self._selects:
            bare = select[:-1] if select[-1:] == ["**"] else select
            if path[: len(bare)] == bare or bare[: len(path)] == path:
                return False
        return True

    # ----------------------------------------------------------------------------------------------- contracts

    def places(self, made: Made) -> list[tuple[list[str], dict[str, Any]]]:
        """List places of the schema, three names deep, each with its schema (without null and arrays)."""
        found: list[tuple[list[str], dict[str, Any]]] = []

        def walk(node: dict[str, Any], path: list[str]) -> None:
            node = self._plain(made, node)
            if path:
                found.append((path, node))
            if len(path) >= 3:
                return
            for variant in node.get("oneOf", [node]):
                inner = self._plain(made, variant)
                for name, below in inner.get("properties", {}).items():
                    walk(below, [*path, name])
                if isinstance(inner.get("additionalProperties"), dict):
                    walk(inner["additionalProperties"], [*path, "*"])

        walk(made.root, [])
        distinct: dict[str, tuple[list[str], dict[str, Any]]] = {}
        for path, node in found:
            distinct.setdefault(json.dumps(path), (path, node))
        return list(distinct.values())

    def _plain(self, made: Made, node: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in node:
                node = made.components[node["$ref"].rpartition("/")[2]]
            elif "anyOf" in node and node["anyOf"][-1] == {"type": "null"}:
                node = node["anyOf"][0]
            elif node.get("type") == "array" and node["items"]:
                node = node["items"]
            else:
                return node

    def filling(self, made: Made, path: Sequence[str]) -> Any:
        """Make what fills a place; None: the place lies in a list, or is not found simply."""
        node: dict[str, Any] = made.root
        for step in path:
            node = self._plain(made, node)
            if step not in node.get("properties", {}):
                return None
            node = node["properties"][step]
        if self.random.random() < 0.7 and (told := self.value_of_caller(node)) is not None:
            return told
        value = json.loads(self.document(made, [list(path)], node))
        return None if "e+" in json.dumps(value) else {"const": value}

    def value_of_caller(self, node: dict[str, Any]) -> Any:
        """Make a template, or name a generator, that fits single values of this schema; None: none does."""
        if "enum" in node or "const" in node or node.get("format") == "uri":
            return None
        if node.get("format") == "date-time":
            return {"generate": "now"}
        texts = ("{partner.metadata.tier}", "{partner.id}-{application.name}", "{application.environment}", "{key.kid}")
        numbers = ("{partner.metadata.seats}", "{application.metadata.seats}")
        by_type: dict[Any, tuple[Any, ...]] = {
            "string": (*texts, *numbers, {"generate": "uuid"}),
            "integer": (*numbers, *([] if "minimum" in node else [{"generate": "now-unix"}])),
            "number": (*numbers, {"generate": "now-unix"}),
            "boolean": ("{partner.metadata.beta}",),
        }
        known = by_type.get(node.get("type") if isinstance(node.get("type"), str) else None)
        return None if known is None else self.random.choice(known)

    def selects(self, places: list[tuple[list[str], dict[str, Any]]]) -> list[list[str]]:
        chosen = []
        for path, node in places:
            if self.random.random() < (0.45 if len(path) < 2 else 0.2):
                free = not node or node.get("type") == "array" or node == {"type": "object"}
                chosen.append([*path, "**"] if free else path)
        return chosen

    def operators(
        self, places: list[tuple[list[str], dict[str, Any]]], selects: list[list[str]], direction: str
    ) -> list[Any]:
        """Make a list of operators in the author's form."""
        operators: list[Any] = [{"select": [pointer(path) for path in selects]}]
        self.mappings = {}
        passing = [(path, node) for path, node in places if not _is_hidden(path, selects) and path[-1] != "*"]
        for path, node in passing:
            if self.random.random() < 0.6:
                continue
            made = self._operator(path, node, direction)
            if made is not None:
                operators.append(made)
            if made is not None and "map_value" in made and self.random.random() < 0.3:
                # What partners read, or what the backend takes.
                word = self.random.choice(("OPEN", "open")) if direction == "answer" else "open"
                operators.append({"default": {pointer(path): word}})
        if direction == "answer":
            # Most addresses are rewritten, whatever else is done with them.
            urls = [pointer(path) for path, node in passing if node.get("format") == "uri"]
            known = json.dumps([one for one in operators if "rewrite_url" in one])
            operators += [
                {"rewrite_url": [at]} for at in urls if json.dumps(at) not in known and self.random.random() < 0.7
            ]
        if self.random.random() < 0.15:
            operators.append({"case": self.random.choice(("camel", "snake"))})
        if self.random.random() < 0.1:
            operators.append({"drop_null": True})
        if direction == "answer" and self.random.random() < 0.2:
            objects = [path for path, node in passing if "$ref" in node or "properties" in node]
            around = self.random.choice(objects) if objects and self.random.random() < 0.5 else []
            value = self.random.choice((1, "text", {"a": [1]}, None))
            if around and self.random.random() < 0.5:
                self.mappings = {"adding": [{"const": {f"added{self._count}": value}}]}
                operators.append({"use": {"mapping": "adding", "at": pointer(around)}})
            else:
                operators.append({"const": {pointer([*around, f"added{self._count}"]): value}})
        self.random.shuffle(operators)
        return operators

    def computed(
        self,
        made: Made,
        places: list[tuple[list[str], dict[str, Any]]],
        selects: list[list[str]],
        operators: list[Any],
    ) -> dict[str, Tree]:
        """Add computed members to a list of operators. Returns their expressions by their texts."""
        trees: dict[str, Tree] = {}
        said = json.dumps([one for one in operators if "select" not in one])
        for path, node in [([], self._plain(made, made.root)), *places]:
            kept = "properties" in node and "*" not in path and not (path and _is_hidden(path, selects))
            around = [json.dumps(pointer(path[:length])) in said for length in range(1, len(path) + 1)]
            bent = path and (any(around) or any(f'"{word}"' in said for word in ("case", "move", "wrap", "unwrap")))
            if not kept or bent or self.random.random() < (0.9 if path else 0.7):
                continue
            told = ExpressionMaker(self.random, self._members(path, node, selects, operators)).compute()
            if told is not None:
                self._count += 1
                operators.append({"compute": {pointer([*path, f"made{self._count}"]): told[0]}})
                trees[told[0]["expr"]] = told[1]
        return trees

    def _members(
        self, path: list[str], node: dict[str, Any], selects: list[list[str]], operators: list[Any]
    ) -> list[Member]:
        """List what expressions may read of an object: what is hidden, and what passes as it came."""
        changed = json.dumps([one for one in operators if one.keys() & {"map_value", "coerce", "rewrite_url"}])
        found = []
        for name, below in node["properties"].items():
            at = [*path, name]
            hidden = _is_hidden(at, selects)
            member = member_of(name, below, required=name in node["required"], hidden=hidden)
            if member is not None and (hidden or json.dumps(pointer(at)) not in changed):
                found.append(member)
        return found

    def _operator(self, path: list[str], node: dict[str, Any], direction: str) -> Any:
        self._count += 1
        at, fresh = pointer(path), f"new{self._count}"
        kind = self.random.random()
        if kind < 0.3:
            return {"rename": {at: fresh}}
        if kind < 0.4:
            return {"wrap": {"into": self.random.choice((fresh, "shared", f"{fresh}.deep")), "fields": [at]}}
        if kind < 0.5:
            return {"move": {at: self.random.choice((fresh, f"moved.{fresh}", pointer([*path[:-1], fresh])))}}
        if kind < 0.56:
            return {"unwrap": [at]} if node.get("type") == "object" else None
        if kind < 0.64:
            return {"drop_null": [at]}
        return self._of_value(at, node, direction)

    def _of_value(self, at: str, node: dict[str, Any], direction: str) -> Any:
        if node.get("type") == "string" and "enum" in node:
            values: dict[str, Any] = {"open": "OPEN", "closed": self.random.choice(("SHUT", 7))}
            otherwise = self.random.choice(
                ("fail", "copy", "omit", "null") if direction == "answer" else ("fail", "copy", "omit")
            )
            return {"map_value": {at: {"values": values, "otherwise": otherwise}}}
        if node.get("type") == "integer" and "enum" in node:
            return {"map_value": {at: {"values": {"1": "one", "2": "two", "3": True}}}}
        if node.get("format") == "uri":
            told = self.random.choice(([at], {at: "null"}, {at: "omit"}, {at: "fail"}))
            return {"rewrite_url": told} if direction == "answer" else None
        if node.get("format") == "date-time":
            return {"coerce": {at: {"from": "date-time", "to": self.random.choice(("unix", "date-time", "unix-ms"))}}}
        if node.get("type") == "integer" and "minimum" not in node:
            return {"coerce": {at: "string"}}
        if node.get("type") in ("number", "boolean"):
            return {"coerce": {at: "string"}}
        plain = node.get("type") == "string" and "minLength" not in node and "const" not in node
        return {"default": {at: "by default"}} if plain else None


def pointer(path: list[str]) -> str:
    """Write a path so that dots in names are no matter."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _is_hidden(path: list[str], selects: list[list[str]]) -> bool:
    for select in selects:
        bare = select[:-1] if select[-1:] == ["**"] else select
        if path[: len(bare)] == bare or bare[: len(path)] == path:
            return False
    return True
