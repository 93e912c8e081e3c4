"""Examples in files, beside portazgo.yaml: `examples/CONTRACT/ROUTE/NAME.SIDE.json`.

NAME begins with the backend's status or with `request`, and a word may follow: `200`, `200-empty`, `request`. SIDE says whose
the body is:

- `200.backend.json` is an answer of the backend's, `200.partner.json` what partners must get of it;
- `request.partner.json` is what a partner sends, `request.backend.json` what the backend must get; `request.values.json` is
  what templates read;
- an empty `200-bad.refused.json` in place of the expected body says that it must not pass.

Without an expected body the outcome is only shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from portazgo.contracts.examples.running import Example

LARGEST_BYTES = 256 * 1024
_NAME = re.compile(
    r"(?P<case>(?P<kind>[1-5][0-9]{2}|request)(?:-[A-Za-z0-9._-]*?)?)\.(?P<side>backend|partner|values|refused)\.json"
)


class ExamplesInvalid(ValueError):
    """A file is no example, or one is not whole; the message names it."""


def read_examples(folder: Path) -> dict[str, list[Example]]:
    """Read the examples of a folder, by contract, in the order of their names. Raises ExamplesInvalid, OSError."""
    found: dict[str, list[Example]] = {}
    for contract in _folders(folder):
        found[contract.name] = [example for route in _folders(contract) for example in _of_route(route)]
    return found


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir())


def _of_route(folder: Path) -> Iterator[Example]:
    cases: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.name)
        if named is None:
            raise ExamplesInvalid(
                f"{path} is no example: its name is a status or `request`, then .backend.json or .partner.json"
            )
        cases.setdefault(named["case"], {})[named["side"]] = path
    for case, files in cases.items():
        yield _example(folder, case, files)


def _example(folder: Path, case: str, files: Mapping[str, Path]) -> Example:
    asks = case.startswith("request")
    given, expected = ("partner", "backend") if asks else ("backend", "partner")
    if given not in files:
        raise ExamplesInvalid(f"{folder / case}.{given}.json is missing: it is what the example begins with")
    if "refused" in files and expected in files:
        raise ExamplesInvalid(f"{folder / case} has an expected body, and is to be refused")
    if "values" in files and not asks:
        raise ExamplesInvalid(f"{files['values']}: only requests read values")
    return Example(
        route=folder.name,
        status=None if asks else int(case[:3]),
        given=_text(files[given]),
        expected=_text(files[expected]) if expected in files else None,
        refused="refused" in files,
        values=_text(files["values"]) if "values" in files else b"{}",
        name=case,
    )


def _text(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_BYTES:
        raise ExamplesInvalid(f"{path} has more than {LARGEST_BYTES} bytes")
    return path.read_bytes()
