"""How single values look in a table: for people. What programs read is in the other formats, as the API gave it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.cli.words import label, say

Names = Mapping[str, str]
"""Names by id: a reader knows `acme`, not its UUID."""

NOTHING = "-"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)")
_SECONDS = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d):\d\dZ$")
# Controls of ASCII and of Latin-1, and what turns the direction of text round: a caller's request id, or an agent's
# name, must not be able to write to the operator's terminal.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a spreadsheet would reckon with (OWASP, "CSV injection"): callers choose request ids and agents' names. Words and
# numbers with a sign are left alone, such as kids of signing keys.
_FORMULA = re.compile(r"[=@\t]|[+-](?![\w.:-]*\Z)")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def member(row: Mapping[str, Any], path: str) -> Any:
    """Follow a dotted path; None where it ends early."""
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def cell(value: object, names: Names) -> str:
    """Write a value for people: times short, ids by name, lists with commas, no control characters."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, str):
        return visible(names.get(value) or _TIME.sub(r"\1 \2Z", value))
    if isinstance(value, Mapping):
        return _members(value, names)
    if isinstance(value, list):
        return ", ".join(cell(item, names) for item in value)
    return str(value)


def visible(text: str) -> str:
    """Show control characters instead of sending them to the terminal."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def shown(text: str) -> str:
    """Do the same with sentences, line by line: they name what stands in backends' documents, in files and in answers."""
    return "\n".join(map(visible, text.split("\n")))


def members(document: Mapping[str, Any], names: Names, path: str = "") -> Iterator[tuple[str, str]]:
    """Write a document line by line, as label and text; what is nested deeper than pairs becomes lines of its own."""
    for name, value in document.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, Mapping) and any(isinstance(inner, Mapping | list) for inner in value.values()):
            yield from members(value, names, here)
        else:
            yield label(here), cell(value, names)


def without_seconds(text: str) -> str:
    """Shorten a time: the minute is enough in a list, and leaves room."""
    return _SECONDS.sub(r"\1Z", text)


def raw(value: object) -> str:
    """Write a value for a spreadsheet or a script: nothing is empty, true is true, what is nested is JSON.

    No cell is taken for a formula: one that would be begins with an apostrophe.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.replace("\r", "\\x0d")  # the writer puts no quotes around it, and a row would begin behind it
        return f"'{text}" if _FORMULA.match(text) else text
    return json.dumps(value, ensure_ascii=False)


def duration(seconds: int) -> str:
    """Write seconds with the largest unit that divides them."""
    length, unit = next(pair for pair in _UNITS if seconds % pair[0] == 0)
    return f"{seconds // length}{unit}"


def size(count: int) -> str:
    """Write a number of bytes."""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004 - what a kibibyte has
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _members(value: Mapping[str, Any], names: Names) -> str:
    if "quota" in value and "window_seconds" in value:
        return _throttle(value)
    return ", ".join(f"{visible(str(name))}={cell(inner, names)}" for name, inner in value.items())


def _throttle(value: Mapping[str, Any]) -> str:
    burst = f" ({value['burst']})" if value.get("burst") else ""
    return f"{value['quota']}/{duration(int(value['window_seconds']))}{burst}"
