"""Writes what is generated from the table of settings: docs/settings.md and schema/settings.json.

`python -m portazgo.settings_docs [--check]`: with --check it writes nothing and exits 1 when something is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from portazgo.settings import settings_table, variable

PROJECT = Path(__file__).resolve().parents[2]
NOTICE = "Generated from src/portazgo/settings.py by `make gen`; do not edit."

_INTRODUCTION = f"""\
# Settings

<!-- {NOTICE} -->

Portazgo takes each setting from the first of these that has it: a flag of the command, the environment variable below,
`settings:` in `portazgo.yaml` (the name in small letters without `PORTAZGO_`, such as `log_format: json`), `settings:` in
`~/.config/portazgo/profile.yaml`, the default. Everything that is wrong is told at once, and the command ends with exit
code 2. Secrets are never settings themselves: settings name the files that hold them. A password inside a database URL is
the one exception; it is shown nowhere (`PGPASSFILE` avoids it).

`portazgo.yaml` comes with a cloned repository. What says where secrets lie or are sent, or what this machine may reach, is
therefore refused there and marked below as "not in portazgo.yaml": take a flag, the environment or your own profile.
"""


def docs_page() -> str:
    """Write docs/settings.md."""
    lines = [_INTRODUCTION]
    for name, setting in settings_table().items():
        default = setting.absent if setting.default is None else f"`{setting.default}`"
        lines += [
            f"## {variable(name)}",
            "",
            setting.meaning,
            "",
            f"Value: {setting.kind.word} · default: {default}" + ("" if setting.in_file else " · not in portazgo.yaml"),
            "",
        ]
    return "\n".join(lines)


def json_schema() -> str:
    """Write schema/settings.json: the schema of `settings:` in portazgo.yaml."""
    properties = {}
    for name, setting in settings_table().items():
        if not setting.in_file:
            continue
        properties[name] = {**setting.kind.schema, "description": setting.meaning}
        if setting.default is not None:
            properties[name]["default"] = int(setting.default) if setting.default.isdigit() else setting.default
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": NOTICE,
        "title": "Settings of Portazgo",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def outputs() -> dict[Path, str]:
    """Say what belongs in which file."""
    return {PROJECT / "docs/settings.md": docs_page(), PROJECT / "schema/settings.json": json_schema()}


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
