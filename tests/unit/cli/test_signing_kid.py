"""A signing key is named by its thumbprint, which may begin with a dash."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from portazgo.cli.signing_kid import NamesSigningKey

PLAIN = "N4wCdwuPdvvZFrH53oqezANXHVFnMPHGj7pHeRx6y4A"
DASHED = "-N4wCdwuPdvvZFrH53oqezANXHVFnMPHGj7pHeRx6y4"
TWICE = "--4wCdwuPdvvZFrH53oqezANXHVFnMPHGj7pHeRx6y4"


@click.command(cls=NamesSigningKey)
@click.argument("kid")
@click.option("--yes", is_flag=True)
@click.option("-o", "--output", default="table")
def told(kid: str, yes: bool, output: str) -> None:
    click.echo(f"{kid} {yes} {output}")


@pytest.mark.parametrize("kid", [PLAIN, DASHED, TWICE])
@pytest.mark.parametrize(
    "order", [["KID", "--yes", "-o", "json"], ["--yes", "KID", "-ojson"], ["--yes", "-o", "json", "--", "KID"]]
)
def test_a_kid_is_read_whatever_it_begins_with(kid: str, order: list[str]) -> None:
    read = CliRunner().invoke(told, [kid if part == "KID" else part for part in order])
    assert (read.exit_code, read.output) == (0, f"{kid} True json\n")


@pytest.mark.parametrize("arguments", [["-N"], [], [DASHED, DASHED[:-1] + "w"], [DASHED[:-1]], ["--", DASHED, "--yes"]])
def test_what_is_no_kid_is_refused_as_ever(arguments: list[str]) -> None:
    assert CliRunner().invoke(told, arguments).exit_code == click.UsageError.exit_code
