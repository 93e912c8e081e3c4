"""What a route shows people is what holds: under a contract, that decides on parameters and headers."""

from __future__ import annotations

from typing import Any

import pytest

from portazgo.cli import words
from portazgo.cli.route import for_people

ROUTE: dict[str, Any] = {
    "name": "badges-list",
    "passthrough": True,
    "query": "all",
    "request_headers": ["x-tenant"],
    "response_headers": [],
    "timeouts": None,
}


def test_a_route_that_passes_bodies_says_what_passes() -> None:
    assert for_people(ROUTE) == {**ROUTE, "timeouts": {}}


@pytest.mark.parametrize(("language", "said"), [("en", "as the contract says"), ("es", "lo que dice el contrato")])
def test_under_a_contract_it_says_that_the_contract_does(
    monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setattr(words, "_chosen", language)
    shown = for_people({**ROUTE, "passthrough": False})
    assert {shown[name] for name in ("query", "request_headers", "response_headers")} == {said}
