"""When a signing key may sign, and what is published of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portazgo.signing.domain import (
    NotYet,
    Publication,
    SigningState,
    discovery,
    key_set,
    may_sign,
    public_jwk,
    thumbprint,
)

PUBLISHED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_first_key_of_an_issuer_signs_at_once() -> None:
    publication = Publication(PUBLISHED, first_of_issuer=True, unconfirmed_nodes=("a",))
    assert may_sign(publication, PUBLISHED) is None


def test_a_key_waits_for_every_live_node() -> None:
    publication = Publication(PUBLISHED, first_of_issuer=False, unconfirmed_nodes=("b", "a"))
    refusal = may_sign(publication, PUBLISHED + timedelta(days=1))
    assert refusal == NotYet("these nodes have not yet confirmed that they publish the key: a, b", None)


def test_a_key_waits_for_twice_the_max_age_of_the_key_set() -> None:
    publication = Publication(PUBLISHED, first_of_issuer=False, unconfirmed_nodes=())
    rested_at = PUBLISHED + timedelta(seconds=600)
    refusal = may_sign(publication, rested_at - timedelta(microseconds=1))
    assert refusal is not None
    assert refusal.not_before == rested_at
    assert may_sign(publication, rested_at) is None


def test_the_thumbprint_is_the_one_of_rfc_7638() -> None:
    # The example of RFC 7638, section 3.1.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
        "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91"
        "CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"e": "AQAB", "kty": "RSA", "n": modulus}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_public_key_keeps_leading_zero_bytes() -> None:
    jwk = public_jwk(1, 2)
    assert jwk["x"] == "A" * 42 + "E"
    assert len(jwk["kid"]) == 43


def test_the_key_set_shows_what_is_published_and_nothing_withdrawn() -> None:
    jwks = [public_jwk(number, number) for number in range(4)]
    states = [SigningState.SIGNING, SigningState.PUBLISHED, SigningState.RETIRED, SigningState.WITHDRAWN]
    shown = key_set(zip(states, jwks, strict=True))
    assert [key["kid"] for key in shown["keys"]] == sorted(key["kid"] for key in jwks[:3])


def test_discovery_leads_to_the_key_set() -> None:
    document = discovery("https://issuer.example/portazgo/")
    assert document["issuer"] == "https://issuer.example/portazgo/"
    assert document["jwks_uri"] == "https://issuer.example/portazgo/.well-known/jwks.json"
