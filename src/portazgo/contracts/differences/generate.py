"""Writes docs/contract-changes.md from the table of rules.

`python -m portazgo.contracts.differences.generate [--check]`: with --check it writes nothing and exits 1 when it is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from portazgo.contracts.differences.rules import RULES, Rule

PROJECT = Path(__file__).resolve().parents[4]
PAGE = PROJECT / "docs/contract-changes.md"

_INTRODUCTION = """\
# What breaks a partner

<!-- Generated from src/portazgo/contracts/differences/rules.py by `make gen`; do not edit. -->

Two versions of a contract are compared as their partners meet them: by what the compiled contracts say of routes, parameters,
bodies and answers. Each difference falls under one rule. There is one thought behind all of them: a caller that did nothing
wrong must do nothing wrong afterwards, and must be able to read what it gets. So

- what a partner **sends** may become freer, never narrower;
- what a partner **receives** may become narrower, never wider.

A new value in a list, or a null where there was none, therefore breaks an answer: clients in languages with closed types fail
on it. A new member of an answer does not: clients are expected to ignore what they don't know. But it is something that
partners could not see before, so it is marked as an **exposure**: somebody should have decided it.

What can't be compared is told both ways: of two different patterns nobody can say which one takes more.

What the rules do not see: the meaning of a value that kept its type, the order of members, and how often an optional member
really comes. That a member comes from another field of the backend than before is seen (`answer-source-changed`).
"""


def page() -> str:
    """The page, with every rule on it."""
    groups = {
        "Routes and parameters": [
            rule for rule in RULES.values() if rule.name.split("-")[0] in {"route", "parameter", "fields"}
        ],
        "What a partner sends": [rule for rule in RULES.values() if rule.name.startswith("request-")],
        "What a partner receives": [rule for rule in RULES.values() if rule.name.startswith("answer-")],
    }
    lines = [_INTRODUCTION]
    for title, rules in groups.items():
        lines += [f"## {title}", "", "| rule | counts as | what happened |", "|---|---|---|"]
        lines += [f"| `{rule.name}` | {_counts_as(rule)} | {rule.meaning} |" for rule in rules]
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    if PAGE.exists() and PAGE.read_text("utf-8") == page():
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"{PAGE.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 1
    PAGE.write_text(page(), "utf-8")
    return 0


def _counts_as(rule: Rule) -> str:
    words = [word for word, holds in (("**breaking**", rule.breaking), ("exposure", rule.exposure)) if holds]
    return ", ".join(words) or "fine"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
