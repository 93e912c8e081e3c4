"""Which of a body's contents is JSON, and what shape it has."""

from __future__ import annotations

from dataclasses import dataclass

from portazgo.contracts.schema.shapes import FREE, Body, SchemaOperation, Shape

JSON = "application/json"
_ANY = ("*/*", "application/*")


@dataclass(frozen=True, slots=True)
class JsonContent:
    """JSON content: the media types that it comes as, and its shape."""

    types: tuple[str, ...]
    shape: Shape


def json_content(body: Body) -> JsonContent | None:
    """Return the JSON content of a body; None: it has none. `*/*`, which springdoc writes, is JSON."""
    found = {_plain(name): shape for name, shape in body.contents.items() if is_json(name)}
    if not found:
        return None
    shape = next(iter(found.values()))
    return JsonContent(tuple(name for name, other in found.items() if other == shape), shape or FREE)


def is_json(media_type: str) -> bool:
    """Tell whether the media type is JSON's."""
    return media_type in (JSON, *_ANY) or media_type.endswith("+json")


def answer_of(operation: SchemaOperation, status: str) -> Body | None:
    """Return what the operation says of answers with the status, or of those of its class; None: nothing."""
    names = [status]
    if status != "default":
        names += [f"{status[0]}XX", "default"]
    for name in names:
        if name in operation.answers:
            return operation.answers[name]
    if status.endswith("XX"):
        # All of a class, where the document lists them one by one: the first stands for the others when they are the same.
        found = [body for name, body in operation.answers.items() if name[0] == status[0]]
        if found and all(body.contents == found[0].contents for body in found):
            return found[0]
    return None


def _plain(media_type: str) -> str:
    return JSON if media_type in _ANY else media_type
