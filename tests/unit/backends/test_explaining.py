"""What a backend's refusal means, whatever framework words it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portazgo.backends.explaining import (
    KeySetSeen,
    Observed,
    Presented,
    explain,
    explain_silence,
    plain,
)
from portazgo.logins.calling import NoReplyReason

TOKEN = Presented("https://gateway.example", "api", "ES256", "kid-1", 300)
KEY_SET = KeySetSeen("https://gateway.example/.well-known/jwks.json", None)
REFUSED = Observed(
    backend="shop",
    target="http://10.0.0.7:8000",
    path="/api/orders/",
    status=401,
    challenge='Bearer realm="api"',
    said="",
    location=None,
    skew_seconds=0.4,
    token=TOKEN,
    key_set=KEY_SET,
)


def causes(seen: Observed) -> list[str]:
    """Give the first words of the findings after the headline."""
    return [finding.partition(":")[0] for finding in explain(seen)[1:]]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        # PyJWT, as Insignia and FastAPI backends pass it on
        ("The token is not valid: Audience doesn't match", "Audience"),
        ('Token is missing the "aud" claim', "Audience"),
        ("Invalid issuer", "Issuer"),
        ("Signature has expired", "Clock"),
        ("The token is not yet valid (iat)", "Clock"),
        ("The specified alg value is not allowed", "Algorithm"),
        ("Signature verification failed", "Key set"),
        ('Unable to find a signing key that matches: "kid-1"', "Key set"),
        ("The token is not valid: the trusted issuer has no such key.", "Key set"),
        ("The token is not of an issuer trusted here.", "Issuer"),
        # simplejwt
        ("Authentication credentials were not provided.", "Token not seen"),
        ('{"code": "token_not_valid", "messages": [{"message": "Token has wrong type"}]}', "Claims"),
        ("Token contained no recognizable user identification", "Claims"),
        ("User not found", "Claims"),
        # express-jwt, jose
        ("jwt audience invalid. expected: shop", "Audience"),
        ("jwt issuer invalid. expected: https://other.example", "Issuer"),
        ("jwt expired", "Clock"),
        ("jwt not active", "Clock"),
        ("invalid algorithm", "Algorithm"),
        ("invalid signature", "Key set"),
        # golang-jwt
        ("token has invalid claims: token is used before issued", "Clock"),
        ("token signature is invalid", "Key set"),
    ],
)
def test_the_words_of_the_body_name_the_cause(said: str, cause: str) -> None:
    assert causes(replace(REFUSED, said=said))[0] == cause


@pytest.mark.parametrize(
    ("challenge", "cause"),
    [
        # ASP.NET
        ('Bearer error="invalid_token", error_description="The audience \'api\' is invalid"', "Audience"),
        ('Bearer error="invalid_token", error_description="The signature key was not found"', "Key set"),
        ('Bearer error="invalid_token", error_description="The token expired at \'11/24/2026\'"', "Clock"),
        # Spring Security
        ('Bearer error="invalid_token", error_description="The iss claim is not valid"', "Issuer"),
        # simplejwt with AUTH_HEADER_TYPES = ("JWT",), and something that is no bearer scheme at all
        ('JWT realm="api"', "Scheme"),
        ('Basic realm="intranet"', "Scheme"),
    ],
)
def test_the_words_of_the_challenge_name_the_cause(challenge: str, cause: str) -> None:
    assert causes(replace(REFUSED, challenge=challenge))[0] == cause


def test_a_cause_says_what_the_token_says_and_what_to_do() -> None:
    issuer = explain(replace(REFUSED, said="Invalid issuer"))[1]
    assert "`iss` is https://gateway.example" in issuer
    assert "portazgo backend change shop --issuer" in issuer
    audience = explain(replace(REFUSED, said="Invalid audience"))[1]
    assert "`aud` is api" in audience
    assert "portazgo backend change shop --audience" in audience
    assert "ES256" in explain(replace(REFUSED, said="invalid algorithm"))[1]
    assert "https://gateway.example/.well-known/jwks.json" in explain(replace(REFUSED, said="invalid signature"))[1]


def test_a_clock_that_is_off_comes_first_with_its_seconds() -> None:
    behind = explain(replace(REFUSED, said="not yet valid", skew_seconds=-90.0))
    assert behind[1].startswith("Clock: the backend's clock is 90 s behind ours.")
    assert len(behind) == 2
    assert causes(replace(REFUSED, skew_seconds=400.0))[0] == "Clock"
    # 200 s ahead: a token of 300 s is good there.
    assert "Clock" not in causes(replace(REFUSED, skew_seconds=200.0))


def test_a_backend_that_says_nothing_is_answered_with_all_there_is_to_compare() -> None:
    findings = explain(replace(REFUSED, said="Unauthorized"))
    assert [finding.partition(":")[0] for finding in findings[2:]] == ["Issuer", "Audience", "Algorithm"]
    generic = explain(replace(REFUSED, said='{"detail": "Token is invalid or expired", "code": "token_not_valid"}'))
    assert generic[1:] == findings[1:]


def test_a_key_set_that_can_t_be_had_is_told() -> None:
    away = KeySetSeen(KEY_SET.url, "can't be read: refused")
    assert f"Key set: from the control plane {KEY_SET.url} can't be read: refused." in explain(
        replace(REFUSED, said="invalid signature", key_set=away)
    )
    local = replace(TOKEN, issuer="http://127.0.0.1:8081")
    assert "is an address of this machine" in explain(replace(REFUSED, said="invalid signature", token=local))[-1]
    beside = replace(REFUSED, said="invalid signature", token=local, target="http://127.0.0.1:9")
    assert "is an address of this machine" not in explain(beside)[-1]


def test_a_backend_that_can_t_read_the_key_set_fails_with_5xx() -> None:
    seen = replace(REFUSED, status=503, said="The trusted issuer's keys could not be fetched.")
    assert causes(seen) == ["Key set"]
    assert causes(replace(REFUSED, status=500, said="boom")) == ["That is the backend's own affair"]


def test_403_is_a_matter_of_permission_unless_it_stands_for_401() -> None:
    assert causes(replace(REFUSED, status=403, said="You do not have permission to perform this action.")) == [
        "Permission"
    ]
    unseen = replace(REFUSED, status=403, said="Authentication credentials were not provided.")
    assert causes(unseen) == ["Token not seen"]


def test_without_a_credential_the_finding_is_to_give_one() -> None:
    assert causes(replace(REFUSED, token=None, key_set=None)) == ["No token was sent"]


def test_redirects_are_told_and_never_followed() -> None:
    slash = replace(REFUSED, status=301, path="/api/orders", location="/api/orders/")
    assert explain(slash)[1] == "The backend wants the path with a slash at its end: /api/orders/"
    assert "a page to log in" in explain(replace(REFUSED, status=302, location="/accounts/login/?next=/api/"))[1]
    assert "wants TLS" in explain(replace(REFUSED, status=308, location="https://10.0.0.7/api/orders/"))[1]


def test_success_warns_of_a_clock_that_drifts() -> None:
    assert explain(replace(REFUSED, status=200)) == ["The backend accepted the token: 200."]
    assert "120 s ahead" in explain(replace(REFUSED, status=200, skew_seconds=120.0))[1]


def test_silence_is_told_apart() -> None:
    sentences = {explain_silence("http://10.0.0.7:1", reason) for reason in NoReplyReason}
    assert len(sentences) == len(NoReplyReason)
    assert all("http://10.0.0.7:1" in sentence for sentence in sentences)


def test_a_backend_s_words_bring_neither_the_token_nor_control_characters() -> None:
    assert plain("bad\x1b[31m token\r\n aaa.bbb.ccc!", "aaa.bbb.ccc") == "bad [31m token [token]!"
