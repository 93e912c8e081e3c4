"""Logins over TLS, by real servers: whom a login believes, and which target it goes to when one does not answer."""

from __future__ import annotations

import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from support.certificates import DAY, Identity
from support.login_server import PASSWORD, LoginServer
from support.ports import free_port

from portazgo.kit.secret import Secret
from portazgo.logins.answers import LoginFailed
from portazgo.logins.logging_in import log_in
from portazgo.logins.orders import Order

AUTHORITY = Identity.authority()
OTHER_AUTHORITY = Identity.authority("Another")
REQUEST = {
    "method": "POST",
    "path": "/api/token/",
    "content_type": "json",
    "body": {"username": "portazgo", "password": "{credential.password}"},
}


def behind_tls(folder: Path, identity: Identity) -> LoginServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity.write(folder, "server"))
    return LoginServer(tls=context)


def rules(**given: Any) -> dict[str, Any]:
    return {"ca": AUTHORITY.pem, "server_name": None, "pins_sha256": [], "crl": None, **given}


def order(*targets: str, tls: dict[str, Any] | None = None, request: dict[str, Any] = REQUEST) -> Order:
    login = {"targets": list(targets), "tls": tls, "request": request, "token": "/access", "expires": "jwt"}
    service = {"password": Secret(PASSWORD)}
    return Order(backend="b", environment="live", whose="all calls", login=login, values={}, service=service)


def pin(identity: Identity) -> str:
    return base64.b64encode(hashlib.sha256(identity.spki).digest()).decode()


def test_a_login_believes_the_authority_the_lists_and_the_pins_of_the_backend(tmp_path: Path) -> None:
    identity = AUTHORITY.server("127.0.0.1")
    lists = AUTHORITY.revoke(AUTHORITY.server("elsewhere.example"))
    with behind_tls(tmp_path, identity) as server:
        for tls in (rules(), rules(crl=lists), rules(pins_sha256=[pin(AUTHORITY), pin(identity)])):
            assert log_in(order(server.url, tls=tls)).life_seconds > 0
        assert server.count("portazgo") == 3


def test_the_name_that_is_verified_may_be_another_than_the_targets(tmp_path: Path) -> None:
    with behind_tls(tmp_path, AUTHORITY.server("backend.internal")) as server:
        assert log_in(order(server.url, tls=rules(server_name="backend.internal"))).life_seconds > 0
        with pytest.raises(LoginFailed):
            log_in(order(server.url, tls=rules()))
        assert server.count() == 1


def test_a_url_of_its_own_is_verified_by_rules_of_its_own(tmp_path: Path) -> None:
    with behind_tls(tmp_path, AUTHORITY.server("127.0.0.1")) as server:
        at = {**REQUEST, "path": None, "url": f"{server.url}/api/token/"}
        assert log_in(order("http://127.0.0.1:9", request={**at, "tls": rules()})).life_seconds > 0
        with pytest.raises(LoginFailed, match="certificate can't be verified"):
            # The backend's rules are for its own targets.
            log_in(order("http://127.0.0.1:9", tls=rules(), request=at))


REVOKED = AUTHORITY.server("127.0.0.1")
UNTRUSTED = {
    "another authority's": (OTHER_AUTHORITY.server("127.0.0.1"), {}, "its certificate can't be verified"),
    "public authorities only": (AUTHORITY.server("127.0.0.1"), {"ca": None}, "its certificate can't be verified"),
    "for another name": (AUTHORITY.server("elsewhere.example"), {}, "its certificate can't be verified"),
    "expired": (AUTHORITY.server("127.0.0.1", begins=-2 * DAY, ends=-DAY), {}, "its certificate can't be verified"),
    "self-signed": (Identity.self_signed("127.0.0.1"), {}, "its certificate can't be verified"),
    "revoked": (REVOKED, {"crl": AUTHORITY.revoke(REVOKED)}, "its certificate can't be verified"),
    "not pinned": (
        AUTHORITY.server("127.0.0.1"),
        {"pins_sha256": [pin(OTHER_AUTHORITY)]},
        "its key is none of those that are pinned",
    ),
}


@pytest.mark.parametrize(("identity", "given", "why"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_who_is_not_believed_is_shown_no_credential(
    tmp_path: Path, identity: Identity, given: dict[str, Any], why: str
) -> None:
    with behind_tls(tmp_path, identity) as server:
        with pytest.raises(LoginFailed, match=why) as failed:
            log_in(order(server.url, tls=rules(**given)))
        assert not failed.value.refused
        assert PASSWORD not in str(failed.value)
        assert server.requests == []


def test_a_target_that_does_not_answer_is_left_for_the_next(tmp_path: Path) -> None:
    nobody = f"https://127.0.0.1:{free_port()}"
    with behind_tls(tmp_path, AUTHORITY.server("127.0.0.1")) as server, LoginServer() as plain:
        # Nothing listens there; and one that doesn't speak TLS.
        no_tls = plain.url.replace("http://", "https://")
        assert log_in(order(nobody, no_tls, server.url, tls=rules())).life_seconds > 0
        assert (server.count(), plain.requests) == (1, [])
        with pytest.raises(LoginFailed):
            log_in(order(nobody, no_tls, tls=rules()))


def test_one_that_answers_no_is_believed_and_no_other_target_is_asked() -> None:
    with LoginServer() as first, LoginServer() as second:
        wrong = order(first.url, second.url)
        wrong.service["password"] = Secret("wrong")  # type: ignore[index]
        with pytest.raises(LoginFailed) as failed:
            log_in(wrong)
        assert failed.value.refused
        assert (len(first.requests), len(second.requests)) == (1, 0)
