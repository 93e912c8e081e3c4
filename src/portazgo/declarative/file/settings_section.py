"""`settings:` of a file: the machine's own (docs/settings.md). Checked, and kept out of the document that is sent."""

from __future__ import annotations

from collections.abc import Mapping

from portazgo.declarative.domain import escape
from portazgo.declarative.problems import Problem, nearest
from portazgo.settings import NOT_IN_FILE, instead_of_file, settings_table
from portazgo.settings_kinds import ValueInvalid


def check_settings(section: object) -> list[Problem]:
    """Find what is wrong with it."""
    if section is None:
        return []
    if not isinstance(section, Mapping):
        return [Problem("/settings", "settings is a mapping of `name: value`")]
    return [problem for name, value in section.items() for problem in _check(name, value)]


def _check(name: str, value: object) -> list[Problem]:
    pointer = f"/settings/{escape(name)}"
    setting = settings_table().get(name)
    if setting is None:
        return [Problem(pointer, f'there is no setting "{name}"{nearest(name, settings_table())}')]
    if not setting.in_file:
        return [Problem(pointer, f"{NOT_IN_FILE}. {instead_of_file(name)}")]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return [Problem(pointer, f"its value is neither text nor a number. {setting.remedy}")]
    try:
        setting.kind.parse(str(value))
    except ValueInvalid as problem:
        return [Problem(pointer, f"{problem}. {setting.remedy}")]
    return []
