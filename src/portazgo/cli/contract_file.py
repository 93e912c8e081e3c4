"""Contract files: one contract in YAML, read with the places of its members, so that problems say line and column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import API, SCHEMA, Kind, find_id
from portazgo.cli.session import Failed
from portazgo.cli.words import say, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from portazgo.client.admin import AdminClient, Document
    from portazgo.declarative.file.places import Finding, Places

MEMBERS = ("api", "schema", "mappings", "routes")


@dataclass(frozen=True, slots=True)
class ContractFile:
    """A contract as a file has it."""

    file: Path
    tree: dict[str, Any]
    places: Places

    def body(self, client: AdminClient) -> Document:
        """Give what the admin API takes: ids in place of the names of API and schema."""
        return {
            "api": self._id(client, "api", API),
            "schema": self._id(client, "schema", SCHEMA),
            "mappings": self.tree.get("mappings") or {},
            "routes": self.tree["routes"],
        }

    def _id(self, client: AdminClient, member: str, kind: Kind) -> str | None:
        """Find what a member names. Raises Failed (exit 2) with its place."""
        from portazgo.declarative.file.places import Finding, place_of  # noqa: PLC0415 - where YAML is read

        try:
            return find_id(client, kind, self.tree[member])
        except Failed as problem:
            sentence = " ".join(text for text in (f"{problem.message}.", problem.remedy) if text)
            raise _wrong(self.file, [Finding(place_of(f"/{member}", self.places), sentence)]) from None

    def refuse(self, errors: Iterable[Mapping[str, Any]]) -> NoReturn:
        """Say what is wrong and where. Raises Failed (exit 2)."""
        from portazgo.declarative.file.places import find  # noqa: PLC0415 - where YAML is read
        from portazgo.declarative.problems import Problem  # noqa: PLC0415 - likewise

        raise _wrong(self.file, find([Problem(one["pointer"], _sentence(one)) for one in errors], self.places))

    def send(self, method: Any, path: str, body: Document) -> Document:
        """Send the contract. Raises Failed with line and column of what can't be compiled."""
        from portazgo.client.admin import Answered  # noqa: PLC0415 - HTTP is imported by the commands that speak it

        try:
            answer: Document = method(path, body)
        except Answered as problem:
            errors = problem.problem.get("errors") or []
            # The name of a contract is no part of its file.
            of_file = all(str(one["pointer"]).split("/")[1:2] in [[member] for member in MEMBERS] for one in errors)
            if problem.problem.get("code") not in {"contract_refused", "invalid"} or not (errors and of_file):
                raise
            self.refuse(errors)
        return answer


def read_contract(file: Path) -> ContractFile:
    """Read a contract file. Raises Failed (exit 2) with the place of what is wrong."""
    from portazgo.declarative.file.places import Finding  # noqa: PLC0415 - YAML takes its time
    from portazgo.declarative.file.yaml import read_yaml  # noqa: PLC0415 - likewise

    parsed = read_yaml(_text(file), file)
    findings = [Finding(one.place, told(one.message)) for one in parsed.findings]
    findings = findings or list(_of_members(parsed.tree, parsed.places))
    if findings:
        raise _wrong(file, findings)
    return ContractFile(file, parsed.tree, parsed.places)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise Failed(
            say("{file} is no text in UTF-8: its byte {number} is not", file=file, number=problem.start + 1),
            remedy=say("Save it as UTF-8."),
            exit_code=Exit.USAGE,
        ) from None
    except OSError as problem:
        why = told(problem.strerror or str(problem))
        raise Failed(say("{file} can't be read: {problem}", file=file, problem=why), exit_code=Exit.USAGE) from None


def _of_members(tree: object, places: Places) -> Iterator[Finding]:
    """Say what is wrong with a contract's own members; what is in them is the control plane's to check."""
    from portazgo.declarative.file.places import Finding, place_of  # noqa: PLC0415 - where YAML is read
    from portazgo.declarative.problems import nearest  # noqa: PLC0415 - likewise
    from portazgo.kit.values import kind_of  # noqa: PLC0415 - likewise

    if not isinstance(tree, dict):
        yield Finding(places[""], say("a contract is a mapping"))
        return
    if isinstance(tree.get("contracts"), dict):
        # docs/contracts.md shows contracts as they stand in there, and people take that for a file of a contract.
        sentence = say(
            "this is a portazgo.yaml, which `portazgo apply` takes: a contract's own file has what stands below its name here"
        )
        yield Finding(place_of("/contracts", places), sentence)
        return
    for name in tree:
        if name not in MEMBERS:
            sentence = told(f'there is no member "{name}" here{nearest(name, MEMBERS)}')
            yield Finding(place_of(f"/{name}", places), sentence)
    for name, kind, must in (("api", str, "text"), ("schema", str, "text"), ("routes", dict, "a mapping")):
        if name not in tree:
            yield Finding(places[""], told(f'"{name}" is missing'))
        elif not isinstance(tree[name], kind):
            yield Finding(place_of(f"/{name}", places), told(f"this must be {must}, and is {kind_of(tree[name])}"))


def _wrong(file: Path, findings: list[Finding]) -> Failed:
    for finding in findings:
        click.echo(str(finding), err=True)
    many = say("{count} problems in {file}", count=len(findings), file=file)
    sentence = say("1 problem in {file}", file=file) if len(findings) == 1 else many
    problems = [finding.document() for finding in findings]
    return Failed(sentence, exit_code=Exit.USAGE, error_code="contract_refused", problems=problems)


def _sentence(error: Mapping[str, Any]) -> str:
    near = f'; did you mean "{error["near"]}"?' if error.get("near") else ""
    return told(f"{error['message']}{near}")
