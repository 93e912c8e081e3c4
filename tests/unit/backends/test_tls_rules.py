"""How TLS to a backend may be verified."""

from __future__ import annotations

import base64

import pytest
from support.certificates import Identity

from portazgo.backends.tls import check_authorities, check_pins, check_revocation_lists, check_rules, check_server_name


def test_authorities_and_lists_are_kept_as_they_are() -> None:
    one, other = Identity.authority("One"), Identity.authority("Other")
    bundle = f"first\n{one.pem}second\n{other.pem}"
    assert check_authorities(bundle) == bundle
    lists = one.revoke(one.server("a.example")) + other.revoke()
    assert check_revocation_lists(lists) == lists


@pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must hold certificates in PEM form"):
        check_authorities(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        "-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_revocation_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must hold revocation lists in PEM form"):
        check_revocation_lists(text)


def test_pins_are_digests_and_not_repeated() -> None:
    pin = base64.b64encode(b"d" * 32).decode()
    assert check_pins([pin, pin]) == [pin]
    for text in ("", "AAAA", pin[:-1], "sha256/" + pin, pin + "\n"):
        with pytest.raises(ValueError, match="is no pin"):
            check_pins([text])
    with pytest.raises(ValueError, match="at most 16"):
        check_pins([base64.b64encode(bytes([n]) * 32).decode() for n in range(17)])


def test_a_server_name_is_a_name_or_an_address() -> None:
    assert [check_server_name(name) for name in ("API.example", "10.0.0.1", "2001:db8::1")] == [
        "api.example",
        "10.0.0.1",
        "2001:db8::1",
    ]
    for name in ("", "a b", "*.example", "-a", "a/b"):
        with pytest.raises(ValueError, match="is no name"):
            check_server_name(name)


def test_rules_need_a_target_that_they_are_for() -> None:
    check_rules(["http://a:80"], None)
    check_rules(["http://a:80", "https://a:443"], {})
    with pytest.raises(ValueError, match="there is none among the targets"):
        check_rules(["http://a:80"], {})
