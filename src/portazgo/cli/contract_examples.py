"""`portazgo contract test`: do the examples still come out?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.contract_version import contract
from portazgo.cli.exits import Exit
from portazgo.cli.find import CONTRACT, find
from portazgo.cli.noun import prints
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.session import Failed, connect
from portazgo.cli.words import say, told

if TYPE_CHECKING:
    from portazgo.contracts.examples.running import Example

__all__ = ["contract"]

EXAMPLE_COLUMNS = ("route", "name", "outcome", "failure")
DIFFERENCE_COLUMNS = ("route", "name", "pointer", "wanted", "came")
CHANGE_COLUMNS = ("route", "name", "pointer", "before", "after")
AT_ONCE_BYTES = 768 * 1024
AT_ONCE = 50


@contract.command("test")
@click.argument("contract")
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    default=Path("examples"),
    help="Where they are: FOLDER/CONTRACT/ROUTE/200.backend.json and 200.partner.json.  [default: examples]",
)
@click.option("--against", metavar="VERSION", help="Show field by field what this version makes of them.")
@prints
def test_contract(contract: str, examples: Path, against: str | None, output: str) -> int:
    """Put examples through a contract, as a node would; exit 1 where something else comes out.

    CONTRACT is the draft, or CONTRACT@VERSION.
    """
    client = connect()
    name, _, version = contract.partition("@")
    found = find(client, CONTRACT, name)
    results: list[dict[str, Any]] = []
    for some in _portions(_examples(examples, found["name"])):
        order = {"version": version or None, "against": against, "examples": [_written(one) for one in some]}
        results += client.post(f"/contracts/{found['id']}/test", order)["results"]
    failed = sum(one["failed"] for one in results)
    if output == "table":
        show_rows([_in_short(one) for one in results], EXAMPLE_COLUMNS, output)
        _show_differences(results, against)
        note(say("Examples: {count}, of which {failed} failed.", count=len(results), failed=failed))
    else:
        show_one({"failed": failed, "results": results}, output)
    return Exit.FAILED if failed else Exit.DONE


def _examples(folder: Path, name: str) -> list[Example]:
    from portazgo.contracts.examples.files import ExamplesInvalid, read_examples  # noqa: PLC0415 - only this command needs it

    try:
        found = read_examples(folder).get(name, [])
    except ExamplesInvalid as problem:
        raise Failed(told(str(problem)), exit_code=Exit.USAGE) from None
    except FileNotFoundError:
        raise _none(say("there is no folder {folder}", folder=folder.absolute()), folder, name) from None
    except OSError as problem:
        raise Failed(f"{problem.filename}: {problem.strerror}", exit_code=Exit.USAGE) from None
    if not found:
        raise _none(say("there are no examples of {name} in {folder}", name=name, folder=folder), folder, name)
    return found


def _none(sentence: str, folder: Path, name: str) -> Failed:
    file = folder / name / "ROUTE" / "200.backend.json"
    remedy = say("Write {file}, and what partners must get beside it.", file=file)
    return Failed(sentence, remedy=remedy, exit_code=Exit.USAGE)


def _portions(examples: list[Example]) -> Iterator[list[Example]]:
    """Give so many at once as one request can hold."""
    some: list[Example] = []
    size = 0
    for example in examples:
        more = len(example.given) + len(example.expected or b"") + len(example.values)
        if some and (len(some) == AT_ONCE or size + more > AT_ONCE_BYTES):
            yield some
            some, size = [], 0
        some.append(example)
        size += more
    yield some


def _written(example: Example) -> dict[str, Any]:
    return {
        "name": example.name,
        "route": example.route,
        "status": example.status,
        "given": _text(example, example.given),
        "expected": None if example.expected is None else _text(example, example.expected),
        "refused": example.refused,
        "values": _text(example, example.values),
    }


def _text(example: Example, body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Failed(
            say("{name} is no text in UTF-8", name=f"{example.route}/{example.name}"), exit_code=Exit.USAGE
        ) from None


def _in_short(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "outcome": _outcome(result), "failure": result["failure"] and told(result["failure"])}


def _outcome(result: dict[str, Any]) -> str:
    if result["failed"]:
        return say("failed")
    return say("refused") if result["refusal"] else say("fine")


def _show_differences(results: list[dict[str, Any]], against: str | None) -> None:
    for member, columns, title in (
        ("differences", DIFFERENCE_COLUMNS, say("What was expected, and what came:")),
        ("changes", CHANGE_COLUMNS, say("What {version} makes of it, and what comes now:", version=against)),
    ):
        rows = [
            {**place, "route": one["route"], "name": one["name"], "wanted": place["before"], "came": place["after"]}
            for one in results
            for place in one[member]
        ]
        if rows:
            note(title)
            show_rows(rows, columns, "table")
