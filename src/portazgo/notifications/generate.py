"""Writes what is generated from the catalogue of events: schema/events.json and docs/events.md.

`python -m portazgo.notifications.generate [--check]`: with --check it writes nothing and exits 1 when something is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from portazgo.notifications.events import CATALOGUE, Data

PROJECT = Path(__file__).resolve().parents[3]
NOTICE = "Generated from src/portazgo/notifications/events.py by `make gen`; do not edit."

_INTRODUCTION = f"""\
# Events

<!-- {NOTICE} -->

What is told to webhook endpoints ([how they are sent and checked](webhooks.md)). The body is
`{{"type": …, "timestamp": …, "data": {{…}}}}`; `data` has these members. Their JSON schemas stand in
[schema/events.json](../schema/events.json). New members may come; one that is there keeps its meaning. No event holds a secret.
Events for *operators* go to endpoints of the deployment only, all others to those of their own partner too.
"""


def schema() -> str:
    """Write schema/events.json."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": NOTICE,
        "title": "Events of Portazgo",
        "oneOf": [_body(name, data) for name, data in CATALOGUE.items()],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def docs_page() -> str:
    """Write docs/events.md."""
    lines = [_INTRODUCTION]
    for name, data in CATALOGUE.items():
        lines += [f"## {name}", "", data.summary, "", "| member | what it is |", "|---|---|"]
        lines += [f"| `{member}` | {_what(member, one)} |" for member, one in _flat(data).items()]
        lines.append("")
    return "\n".join(lines)


def outputs() -> dict[Path, str]:
    """Say what belongs in which file."""
    return {PROJECT / "docs/events.md": docs_page(), PROJECT / "schema/events.json": schema()}


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    stale = {path: text for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text}
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, "utf-8")
    return 0


def _body(name: str, data: type[Data]) -> dict[str, Any]:
    return {
        "title": name,
        "description": data.summary,
        "type": "object",
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": _flat_schema(data),
        },
        "required": ["type", "timestamp", "data"],
        "additionalProperties": False,
    }


def _flat_schema(data: type[Data]) -> dict[str, Any]:
    """Give a schema without references, which would point nowhere inside of another document."""
    whole = data.model_json_schema(mode="serialization")
    definitions = whole.pop("$defs", {})
    for name, one in whole["properties"].items():
        if "$ref" in one:
            whole["properties"][name] = definitions[one["$ref"].rpartition("/")[2]]
    # Receivers must not refuse members that come later.
    whole["additionalProperties"] = True
    return whole


def _flat(data: type[Data]) -> dict[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = _flat_schema(data)["properties"]
    return properties


_KNOWN = {
    "environment": "`test` or `live`.",
    "application": "`{id, name}` of its application.",
    "partner": "`{id, name}` of its partner.",
    "endpoint": "`{id, name}` of the endpoint.",
    "expires_at": "When it ends.",
    "revoked_at": "When.",
    "ends_at": "When the old secret ends.",
    "last_used_at": "When it was last used.",
    "used_at": "When.",
    "client_address": "From where.",
    "reason": "Why.",
    "failing_since": "Since when nothing could be delivered.",
}


def _what(member: str, one: dict[str, Any]) -> str:
    told = one.get("description") if member not in {"application", "partner", "endpoint"} else None
    examples = ", ".join(f"`{example}`" for example in one.get("examples", []))
    choices = ", ".join(f"`{choice}`" for choice in one.get("enum", [])) if member != "environment" else ""
    sentence = str(told or _KNOWN[member])
    more = choices or examples
    return f"{sentence} {'One of' if choices else 'Such as'} {more}." if more else sentence


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
