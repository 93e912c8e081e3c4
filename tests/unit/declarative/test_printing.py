"""What is printed for a person can be read, and nothing in a file can hide it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.declared import DOCUMENT, changed, planned, state_of

from portazgo.cli.plan_output import show_plan
from portazgo.declarative.file.places import Finding, Place
from portazgo.declarative.planning import Plan, summary
from portazgo.declarative.rules.lines import EFFECTS, Effect

CLAIMS = ("backends", "depot", "environments", "live", "credential", "claims")


def as_answered(made: Plan) -> dict[str, Any]:
    """A plan as the admin API gives it."""

    def lines(effect: Effect) -> list[dict[str, Any]]:
        return [
            {
                "action": line.action,
                "kind": line.ref.kind,
                "name": line.ref.name,
                "sentence": line.sentence,
                "affects": line.affects[:100],
                "affected": len(line.affects),
            }
            for line in made.of(effect)
        ]

    named = {"takes_over": made.takes_over, "releases": made.releases}
    return {
        "differs": not made.is_empty,
        **{effect: lines(effect) for effect in EFFECTS},
        **{name: [{"kind": ref.kind, "name": ref.name} for ref in refs] for name, refs in named.items()},
        "summary": summary(made),
    }


def printed(capsys: pytest.CaptureFixture[str], tree: object, before: object = DOCUMENT) -> str:
    made = planned(tree, state_of(before))  # type: ignore[arg-type]
    show_plan(as_answered(made))
    return capsys.readouterr().out


def test_exposes_then_breaks_then_the_rest_each_group_with_those_affected(capsys: pytest.CaptureFixture[str]) -> None:
    tree = changed("plans", "basic", "rates", ["30/min", "9000/day"])
    tree = changed("partners", "acme", "metadata", {"tier": "gold", "city": "Lima"}, document=tree)
    tree = changed("apis", "parcels", "routes", "list", ..., document=tree)
    assert (
        printed(capsys, tree)
        == """\
Exposes
  to acme/crm, acme/erp
    ~ partner acme        metadata tier: gold, was silver; tokens tell it to depot

Breaks
  for acme/crm, acme/erp, globex/shop
    ~ plan basic          throttles to 9000/day (per-day)
    ~ plan basic          per-minute: 30/min, was 60/min
    - route parcels/list  GET /v1/parcels/ is gone

The rest
  ~ partner acme          metadata city: Lima, was Bogotá

0 to create, 2 to change, 1 to delete.
"""
    )


def test_many_are_counted_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    applications = {f"a{number:03}": {"environment": "live", "plan": "basic"} for number in range(150)}
    before = changed("partners", "acme", "applications", applications)
    tree = changed("plans", "basic", "rates", ["30/min"], document=before)
    assert "  for acme/a000, acme/a001, acme/a002, acme/a003, acme/a004, acme/a005 and 145 more\n" in printed(
        capsys, tree, before
    )


def test_no_text_of_a_file_can_hide_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, changed(*CLAIMS, "role", "admin\x1b[1A\x1b[2K\u202eevil\n"))
    assert "    ~ backend depot  live: tokens say role: admin\\x1b[1A\\x1b[2K\\u202eevil\\n, was none\n" in shown
    finding = Finding(Place(Path("portazgo.yaml"), 1, 1), 'there is no member "\x1b[2J" here')
    assert str(finding) == 'portazgo.yaml:1:1: there is no member "\\x1b[2J" here'
