"""A request under a contract carries claims of the token that goes with it, or it does not go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from support import served_contracts as contracts
from support.bare_gateway import APPLICATION, BareGateway, Origin, backend_to
from support.served_contracts import CREATE, NOTHING, ask
from support.signing_backend import AUDIENCE, ISSUER_URL, credential, signing_resources

from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.keypairs import generate

TEMPLATE: dict[str, Any] = {"tier": "gold", "seats": 12, "who": "{partner.name}/{key.name}"}
PAIR = generate(Algorithm.ES256)


def filled(**values: str) -> dict[str, Any]:
    """ROUTE whose body, query and headers are filled with these templates, by name."""
    fill = [
        {"out": name, "value": {"template": text, "type": "integer" if name == "seats" else "string"}}
        for name, text in values.items()
    ]
    request = {
        **NOTHING,
        "body": {"kind": "json", "required": True, "types": ["application/json"], "root": 0},
        "program": {"nodes": [{"object": {"members": [], "unknown": "refuse", "fill": fill}}], "depth": 4},
        "fill": [
            {"at": place, "out": f"x-{name}", "value": {"template": text, "type": "string"}}
            for name, text in values.items()
            for place in ("query", "header")
        ],
    }
    return contracts.shown("http://inside", request=request, fields=None)


@contextmanager
def gateway(folder: Path, origin: Origin, view: dict[str, Any], token: dict[str, Any]) -> Iterator[BareGateway]:
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True)
    wrapper = LocalWrapper.open(data / "master.key", create=True)
    resources = [
        *signing_resources(Algorithm.ES256, PAIR, wrapper),
        contracts.version({CREATE: view}),
        contracts.route(CREATE, "POST", "/v1/items", "/api/items"),
    ]
    requires = ("backend.http1.1", Algorithm.ES256.feature)
    with BareGateway(folder, backend_to(origin.url, credential=token), requires=requires, further=resources) as node:
        yield node


def test_what_is_filled_is_what_the_token_says(tmp_path: Path) -> None:
    names = ("tier", "seats", "who", "sub", "aud", "iss")
    view = filled(**{name: f"{{claims.{name}}}" for name in names})
    with (
        Origin(answer=b'{"id":1}') as origin,
        gateway(tmp_path, origin, view, credential(Algorithm.ES256, **TEMPLATE)) as node,
    ):
        got = ask(node.port, "/v1/items", "Content-Type: application/json", method="POST", body=b"{}")
        assert (got.status, got.document) == (200, {"id": 1})
    (seen,) = origin.seen
    token = (seen.header("authorization") or "").removeprefix("Bearer ")
    assert PAIR.public_jwk is not None
    claims = jwt.decode(token, jwt.PyJWK(PAIR.public_jwk), algorithms=["ES256"], audience=AUDIENCE)
    expected = {name: claims[name] for name in names}
    assert json.loads(seen.body) == expected
    assert {name: seen.header(f"x-{name}") for name in names} == {name: str(value) for name, value in expected.items()}
    assert expected == {
        "tier": "gold", "seats": 12, "who": "northwind/server", "sub": APPLICATION, "aud": AUDIENCE, "iss": ISSUER_URL,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "token"),
    [
        ("none", credential(Algorithm.ES256, **TEMPLATE)),
        ("unset", credential(Algorithm.ES256, unset="{partner.metadata.unset}")),
        ("seats", credential(Algorithm.ES256, seats="many")),
        ("tier", credential(Algorithm.ES256, tier=["a", "list"])),
        ("sub", {"kind": "none"}),
    ],
    ids=["no such claim", "a claim without a value here", "of another type", "no single value", "no token"],
)
def test_a_call_whose_claim_is_not_there_never_reaches_the_backend(
    tmp_path: Path, claim: str, token: dict[str, Any]
) -> None:
    view = filled(**{claim: f"{{claims.{claim}}}"})
    with Origin() as origin, gateway(tmp_path, origin, view, token) as node:
        got = ask(node.port, "/v1/items", "Content-Type: application/json", method="POST", body=b"{}")
        assert (got.status, got.code) == (502, "gateway_error")
        assert node.record_of(got.request_id)["fault"] == "request_fill_failed"
    assert origin.seen == []
