"""Writes schema/portazgo.json, by which editors complete and check portazgo.yaml.

`python -m portazgo.declarative.generate [--check]`: with --check it writes nothing and exits 1 when it is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from portazgo.declarative.document import Document
from portazgo.settings_docs import json_schema as settings_schema

PROJECT = Path(__file__).resolve().parents[3]
OUTPUT = PROJECT / "schema/portazgo.json"
NOTICE = "Generated from src/portazgo/declarative/document.py by `make gen`; do not edit."


def json_schema() -> str:
    """Write the schema of a file: a document, and what only files have. Included files have no name."""
    document = _closed(Document.model_json_schema())
    settings = json.loads(settings_schema())
    properties = document.pop("properties") | {
        "include": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Further files, as paths or patterns seen from this one; each adds its members.",
        },
        "settings": {
            "type": "object",
            "description": "Settings of this machine (docs/settings.md).",
            "properties": settings["properties"],
            "additionalProperties": False,
        },
    }
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": NOTICE,
        "title": "portazgo.yaml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": document["$defs"],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    text = json_schema()
    is_fresh = OUTPUT.exists() and OUTPUT.read_text("utf-8") == text
    if "--check" in arguments:
        if not is_fresh:
            sys.stderr.write(f"{OUTPUT.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 0 if is_fresh else 1
    if not is_fresh:
        OUTPUT.write_text(text, "utf-8")
    return 0


def _closed(schema: Any) -> Any:
    """Have editors mark names of a wrong form: pydantic says which are right, and leaves others open."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: _closed(value) for name, value in schema.items()}
    if "patternProperties" in inside:
        inside.setdefault("additionalProperties", False)
    if inside.get("type") == "object" and not {"required", "minProperties"} & inside.keys():
        # `badges:` with nothing behind it is as good as `badges: {}`.
        inside["type"] = ["object", "null"]
    return inside


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
