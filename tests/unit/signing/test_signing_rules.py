"""When a signing key may sign, and what is published of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from portazgo.signing.algorithms import Algorithm, public_jwk, thumbprint
from portazgo.signing.domain import NotYet, Spread, discovery, etag, key_set, may_go, may_sign

PUBLISHED = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYWHERE = Spread((), PUBLISHED)


def test_the_first_key_of_an_issuer_signs_at_once() -> None:
    assert may_sign(Spread(("a",), None), PUBLISHED, first_of_issuer=True) is None


def test_a_key_waits_for_every_node_that_may_serve() -> None:
    refusal = may_sign(Spread(("b", "a"), None), PUBLISHED + timedelta(days=1), first_of_issuer=False)
    assert refusal == NotYet("these nodes have not yet confirmed that they publish the key: a, b", None)


def test_a_key_waits_for_twice_the_max_age_after_the_last_node_published_it() -> None:
    rested_at = PUBLISHED + timedelta(seconds=600)
    refusal = may_sign(EVERYWHERE, rested_at - timedelta(microseconds=1), first_of_issuer=False)
    assert refusal is not None
    assert refusal.not_before == rested_at
    assert may_sign(EVERYWHERE, rested_at, first_of_issuer=False) is None


def test_a_retired_key_stays_until_the_last_token_of_the_last_node_has_ended() -> None:
    life = timedelta(seconds=300)
    assert may_go(Spread(("a",), None), life, PUBLISHED + timedelta(days=9)) == NotYet(
        "these nodes have not yet confirmed that they sign with another key: a", None
    )
    ended_at = PUBLISHED + timedelta(seconds=360)
    alive = may_go(EVERYWHERE, life, ended_at - timedelta(microseconds=1))
    assert alive is not None
    assert alive.not_before == ended_at
    assert may_go(EVERYWHERE, life, ended_at) is None


def test_the_thumbprint_is_the_one_of_rfc_7638() -> None:
    # The example of RFC 7638, section 3.1.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
        "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91"
        "CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"e": "AQAB", "kty": "RSA", "n": modulus}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_key_set_is_ordered_and_compact_and_its_tag_is_of_its_bytes() -> None:
    jwks = [public_jwk(Algorithm.EDDSA, {"crv": "Ed25519", "kty": "OKP", "x": letter * 43}) for letter in "AQg"]
    text = key_set(jwks)
    kids = [key["kid"] for key in json.loads(text)["keys"]]
    assert kids == sorted(jwk["kid"] for jwk in jwks)
    assert " " not in text
    assert etag(text) != etag(key_set(jwks[1:]))
    assert len(etag(text)) == 34


def test_discovery_leads_to_the_key_set_and_names_the_algorithms() -> None:
    document = json.loads(discovery("https://issuer.example/portazgo/", ["RS256", "ES256", "RS256"]))
    assert document["issuer"] == "https://issuer.example/portazgo/"
    assert document["jwks_uri"] == "https://issuer.example/portazgo/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]
