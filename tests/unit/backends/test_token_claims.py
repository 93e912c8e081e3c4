"""The tokens of `backend test` say what the data plane's say: the same golden cases (tests/cases/claims.json)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portazgo.backends.claims import MissingValue, check_claims
from portazgo.backends.tokens import PROBE_KEY, Caller, CallerKey, probe, token_claims

GOLDEN = json.loads((Path(__file__).parents[2] / "cases" / "claims.json").read_text("utf-8"))
NOW = datetime(2026, 11, 24, 12, 0, 0, 900_000, tzinfo=UTC)
SECONDS = 1795521600
OURS = ("iss", "aud", "iat", "nbf", "exp", "jti")


def claims_of(case: dict[str, Any]) -> dict[str, Any]:
    partner, application = GOLDEN["partner"], GOLDEN["application"]
    caller = Caller(partner["id"], partner, application["id"], application, GOLDEN["plan_scopes"])
    key = CallerKey(**{**GOLDEN["key"], **case.get("key", {})})
    if "plan_scopes" in case:
        caller = Caller(partner["id"], partner, application["id"], application, case["plan_scopes"])
    credential = {"claims": check_claims(case["claims"]), "audience": "api", "life_seconds": 300}
    return token_claims(credential, "https://gateway.example", caller, key, now=NOW, jti="a")


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: json.dumps(case["claims"], ensure_ascii=False)[:60])
def test_a_template_comes_to_what_the_data_plane_makes_of_it(case: dict[str, Any]) -> None:
    if "filled" in case:
        made = claims_of(case)
        assert {name: value for name, value in made.items() if name not in OURS} == {
            "sub": GOLDEN["application"]["id"],
            **case["filled"],
        }
    elif "missing" in case:
        with pytest.raises(MissingValue) as caught:
            claims_of(case)
        assert caught.value.path == case["missing"]
    else:
        with pytest.raises(ValueError, match="claim"):
            claims_of(case)


def test_the_claims_that_are_ours() -> None:
    made = claims_of({"claims": {}})
    assert {name: made[name] for name in OURS} == {
        "iss": "https://gateway.example",
        "aud": "api",
        "iat": SECONDS - 5,
        "nbf": SECONDS - 5,
        "exp": SECONDS + 300,
        "jti": "a",
    }


def test_a_probe_has_names_and_no_metadata() -> None:
    credential = {"claims": {"p": "{partner.name}", "k": "{key.name}"}, "audience": "api", "life_seconds": 60}
    made = token_claims(credential, "https://gateway.example", probe("live"), PROBE_KEY, now=NOW, jti="a")
    assert (made["p"], made["k"]) == ("portazgo-probe", "portazgo-probe")
    with pytest.raises(MissingValue):
        token_claims(
            {**credential, "claims": {"t": "{partner.metadata.tier}"}}, "", probe("live"), PROBE_KEY, now=NOW, jti="a"
        )
