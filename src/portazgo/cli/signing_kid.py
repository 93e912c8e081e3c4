"""Commands that name a signing key: one of 64 such names begins with a dash, as options do."""

from __future__ import annotations

import re

import click

_LIKE_AN_OPTION = re.compile(r"-[A-Za-z0-9_-]{42}")
"""An RFC 7638 thumbprint, base64url, whose first character is a dash. No option of ours is as long."""


class NamesSigningKey(click.Command):
    """A command whose argument is the kid of a signing key, whatever it begins with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments. Raises UsageError."""
        end = args.index("--") if "--" in args else len(args)
        kids = [arg for arg in args[:end] if _LIKE_AN_OPTION.fullmatch(arg)]
        others = [arg for arg in args[:end] if arg not in kids]
        return super().parse_args(ctx, [*others, "--", *kids, *args[end + 1 :]] if kids else args)
