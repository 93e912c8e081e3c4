"""Contract files: one contract in YAML, read with the places of its members, so that problems say line and column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from portazgo.cli.exits import Exit
from portazgo.cli.find import API, SCHEMA, Kind, find_id
from portazgo.cli.session import Failed
from portazgo.cli.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
            if problem.problem.get("code") not in {"contract_refused", "invalid"} or not problem.problem.get("errors"):
                raise
            self.refuse(problem.problem["errors"])
        return answer


def read_contract(file: Path) -> ContractFile:
    """Read a contract file. Raises Failed (exit 2) with the place of what is wrong."""
    from portazgo.declarative.file.places import Finding, place_of  # noqa: PLC0415 - YAML takes its time
    from portazgo.declarative.file.yaml import read_yaml  # noqa: PLC0415 - likewise
    from portazgo.declarative.problems import nearest  # noqa: PLC0415 - likewise

    try:
        parsed = read_yaml(file.read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError) as problem:
        raise Failed(say("{file} can't be read: {problem}", file=file, problem=problem), exit_code=Exit.USAGE) from None
    findings = list(parsed.findings)
    tree = parsed.tree
    if not findings and not isinstance(tree, dict):
        findings.append(Finding(parsed.places[""], say("a contract is a mapping")))
    if findings:
        raise _wrong(file, findings)
    for name in tree:
        if name not in MEMBERS:
            sentence = f'there is no member "{name}" here{nearest(name, MEMBERS)}'
            findings.append(Finding(place_of(f"/{name}", parsed.places), sentence))
    for name, kind in (("api", str), ("schema", str), ("routes", dict)):
        if not isinstance(tree.get(name), kind):
            findings.append(Finding(place_of(f"/{name}", parsed.places), f'"{name}" is missing'))
    if findings:
        raise _wrong(file, findings)
    return ContractFile(file, tree, parsed.places)


def _wrong(file: Path, findings: list[Finding]) -> Failed:
    for finding in findings:
        click.echo(str(finding), err=True)
    many = say("{count} problems in {file}", count=len(findings), file=file)
    return Failed(say("1 problem in {file}", file=file) if len(findings) == 1 else many, exit_code=Exit.USAGE)


def _sentence(error: Mapping[str, Any]) -> str:
    return f'{error["message"]}; did you mean "{error["near"]}"?' if error.get("near") else str(error["message"])
