"""Where settings are read: flags, environment, portazgo.yaml, the user's profile."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portazgo.settings import NOT_IN_FILE, instead_of_file, settings_table, variable
from portazgo.settings_lines import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Found = dict[str, tuple[str, str]]
"""Field name to its text and where that stood."""


def user_profile(environment: Mapping[str, str]) -> Path:
    """Give the place of the user's profile: `portazgo/profile.yaml` below XDG_CONFIG_HOME or ~/.config."""
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "portazgo" / "profile.yaml"


def gather(
    flags: Mapping[str, str | None], environment: Mapping[str, str], file: Path, profile: Path | None
) -> tuple[Found, list[Fault]]:
    """Collect each setting's text from the first source that has it, and what is wrong with the sources."""
    table = settings_table()
    faults: list[Fault] = []
    found: Found = {}
    found |= _from_file(profile or user_profile(environment), faults, may_set_all=True)
    found |= _from_file(file, faults, may_set_all=False)
    found |= {
        name: (environment[variable(name)], "environment")
        for name in table
        if environment.get(variable(name)) not in {None, ""}
    }
    found |= {name: (text, "flag") for name, text in flags.items() if text is not None}
    return found, faults


def is_given(names: Iterable[str], environment: Mapping[str, str], file: Path) -> bool:
    """Tell whether somebody chose one of these settings, rather than leaving it to its default."""
    found, _ = gather({}, environment, file, None)
    return not found.keys().isdisjoint(names)


def _from_file(path: Path, faults: list[Fault], *, may_set_all: bool) -> Found:
    if not path.is_file():
        return {}
    section = _settings_section(path, faults)
    table = settings_table()
    found: Found = {}
    for key, value in section.items():
        source = f"{path}, settings"
        if key not in table:
            near = difflib.get_close_matches(str(key), table, n=1)
            remedy = f"Did you mean {near[0]}?" if near else "docs/settings.md lists the settings."
            faults.append(Fault(str(key), source, "there is no such setting", remedy))
        elif not may_set_all and not table[key].in_file:
            faults.append(Fault(str(key), source, NOT_IN_FILE, instead_of_file(key)))
        elif isinstance(value, bool) or not isinstance(value, (str, int)):
            faults.append(Fault(str(key), source, "its value is neither text nor a number", table[key].remedy))
        else:
            found[key] = (str(value), source)
    return found


def _settings_section(path: Path, faults: list[Fault]) -> Mapping[Any, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only where there is a file to read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        document = YAML(typ="safe").load(path)
    except (YAMLError, UnicodeDecodeError) as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        reason = getattr(problem, "problem", None) or "not UTF-8"
        faults.append(Fault("the file", place, f"it is no YAML ({reason})", "Mend it, or move it away."))
        return {}
    except OSError as problem:
        faults.append(
            Fault("the file", str(path), f"it can't be read ({os.strerror(problem.errno or 0)})", "Make it readable.")
        )
        return {}
    section = document.get("settings") if isinstance(document, dict) else None
    if section is not None and not isinstance(section, dict):
        faults.append(Fault("settings", str(path), "it is no mapping", "Write one `name: value` per line below it."))
        return {}
    return section or {}
