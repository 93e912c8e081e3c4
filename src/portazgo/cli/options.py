"""Options that several commands share, and how a command is given several."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from portazgo.cli.words import say

Command = Callable[..., Any]
Option = Callable[[Command], Command]


def options(*several: Option) -> Option:
    """Give a command several options, which its help lists in this order."""
    return lambda command: reduce(lambda given, option: option(given), reversed(several), command)


of_openapi = options(
    click.option(
        "--url", help="Where the OpenAPI document is (3.0 or 3.1, JSON or YAML); the control plane fetches it."
    ),
    click.option(
        "--file", "file", type=click.File(encoding="utf-8"), help="The document itself; `-` reads it from stdin."
    ),
)
"""Add `--url` and `--file`: exactly one of them, as `openapi_source` sees to."""


def openapi_source(url: str | None, file: Any) -> dict[str, str]:
    """Give the member by which the admin API takes the document. Raises UsageError."""
    if (url is None) == (file is None):
        raise click.UsageError("give either --url or --file")
    if url is not None:
        return {"url": url}
    try:
        return {"document": file.read()}
    except UnicodeDecodeError:
        raise click.BadParameter(say("{name} is no text in UTF-8", name=file.name), param_hint="--file") from None
