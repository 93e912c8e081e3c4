"""The partner's document in pieces of JSON. Joined, those of the operations that a caller may call are what it reads.

Nodes join them as `joined` does (core/src/contract/document.rs), byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.contracts.document.building import render
from portazgo.contracts.document.callers import OF_ALL
from portazgo.contracts.document.components import reaching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from portazgo.contracts.document.callers import Document
    from portazgo.snapshot.wire import (
        DocumentComponentBody,
        DocumentOperationBody,
        DocumentPartsBody,
        DocumentPathBody,
        DocumentSectionBody,
    )

Users = dict[tuple[str, str], list[int]]
"""By section and name of a component, the operations that lead to it."""


def parts_of(document: Document, routes: Mapping[str, str]) -> DocumentPartsBody:
    """Take a document apart. `routes`: by operations' ids, what tells who may call them; others are left out for all."""
    components = document["components"]
    reached_by, users = reaching(components), Users()
    paths: list[DocumentPathBody] = []
    number = 0
    for path, item in document["paths"].items():
        kept = {method: one for method, one in item.items() if one["operationId"] in routes}
        for one in kept.values():
            for section, names in reached_by(one).items():
                for name in names:
                    users.setdefault((section, name), []).append(number)
            number += 1
        operations: list[DocumentOperationBody] = [
            {"route": routes[one["operationId"]], "member": _member(method, one)} for method, one in kept.items()
        ]
        if operations:
            paths.append({"name": render(path), "operations": operations})
    before = {name: value for name, value in document.items() if name not in {"paths", "components"}}
    return {
        "before": render(before).removesuffix("}"),
        "paths": paths,
        "components": [_section(name, members, users) for name, members in components.items()],
    }


def joined(parts: DocumentPartsBody, routes: Collection[str]) -> str:
    """Put together what a caller reads that may call these routes."""
    operations = [operation for path in parts["paths"] for operation in path["operations"]]
    is_open = [operation["route"] in routes for operation in operations]
    paths = []
    for path in parts["paths"]:
        members = [operation["member"] for operation in path["operations"] if operation["route"] in routes]
        if members:
            paths.append(_object(path["name"], members))
    components = [
        _object(
            section["name"],
            (
                member["member"]
                for member in section["members"]
                if "operations" not in member or any(is_open[number] for number in member["operations"])
            ),
        )
        for section in parts["components"]
    ]
    return f"{parts['before']},{_object(render('paths'), paths)},{_object(render('components'), components)}}}"


def _section(section: str, members: Mapping[str, Any], users: Users) -> DocumentSectionBody:
    kept: list[DocumentComponentBody] = []
    for name, value in members.items():
        member = _member(name, value)
        if section == OF_ALL:
            kept.append({"member": member})
        elif (section, name) in users:
            kept.append({"member": member, "operations": users[section, name]})
    return {"name": render(section), "members": kept}


def _member(name: str, value: object) -> str:
    return f"{render(name)}:{render(value)}"


def _object(name: str, members: Iterable[str]) -> str:
    return f"{name}:{{{','.join(members)}}}"
