"""Issuers, badges, recipients and awards over HTTP."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from insignia.conftest import Insignia

# What a partner could be shown; all else is the company's own.
PUBLIC_FIELDS = {
    "issuers": {"id", "url", "name", "slug", "country", "website", "description", "verified", "created_at"},
    "badges": {"id", "url", "issuer", "issuer_url", "title", "criteria", "level", "skills", "image_url", "published"},
    "recipients": {"id", "url", "display_name", "locale", "country", "created_at"},
    "awards": {
        *("id", "url", "serial", "verification_code", "badge", "badge_url", "recipient", "status", "issued_on"),
        *("expires_on", "revoked_at", "revocation_reason", "note", "external_reference"),
    },
}


def award(**changed: object) -> dict[str, Any]:
    good: dict[str, object] = {"badge": 1, "recipient": 1, "issued_on": "2026-03-01", "cost_center": "IN-204"}
    return good | changed


def test_lists_come_in_pages_with_absolute_links(insignia: Insignia, token: str) -> None:
    page = insignia.call("GET", "/api/badges/?page=2&page_size=10&ordering=-id", token=token).json
    base = f"http://127.0.0.1:{insignia.port}/api/badges/?ordering=-id"
    assert {name: page[name] for name in ("count", "next", "previous")} == {
        "count": 72,
        "next": f"{base}&page=3&page_size=10",
        "previous": f"{base}&page_size=10",
    }
    assert [badge["id"] for badge in page["results"]] == list(range(62, 52, -1))


def test_a_page_behind_the_last_is_404(insignia: Insignia, token: str) -> None:
    reply = insignia.call("GET", "/api/issuers/?page=99", token=token)
    assert (reply.status, reply.json) == (404, {"detail": "Invalid page."})


@pytest.mark.parametrize("noun", PUBLIC_FIELDS)
def test_ids_choose_objects(insignia: Insignia, token: str, noun: str) -> None:
    page = insignia.call("GET", f"/api/{noun}/?ids=3,1,12,99999999999999999999", token=token).json
    assert [found["id"] for found in page["results"]] == [1, 3, 12]


def test_filters_narrow_lists(insignia: Insignia, token: str) -> None:
    query = "status=revoked&issued_after=2025-03-01&issued_before=2026-01-01&page_size=100"
    found = insignia.call("GET", f"/api/awards/?{query}", token=token).json["results"]
    assert found
    assert all(item["status"] == "revoked" and "2025-03-01" < item["issued_on"] < "2026-01-01" for item in found)


def test_bad_filters_are_400_by_parameter(insignia: Insignia, token: str) -> None:
    reply = insignia.call("GET", "/api/awards/?badge=x&status=lost&issued_after=soon", token=token)
    assert (reply.status, set(reply.json)) == (400, {"badge", "status", "issued_after"})
    assert insignia.call("GET", "/api/awards/?ids=1,x", token=token).json == {
        "ids": ["Must be whole numbers separated by commas."]
    }


@pytest.mark.parametrize("path", ["/api/awards/9999/", "/api/awards/x/", f"/api/awards/{10**20}/", "/api/x/"])
def test_what_is_not_there_is_404(insignia: Insignia, token: str, path: str) -> None:
    reply = insignia.call("GET", path, token=token)
    assert (reply.status, set(reply.json)) == (404, {"detail"})


@pytest.mark.parametrize("noun", PUBLIC_FIELDS)
def test_objects_are_one_to_three_kilobytes_mostly_internal(insignia: Insignia, token: str, noun: str) -> None:
    page = insignia.call("GET", f"/api/{noun}/?page_size=100", token=token).json
    whole = [json_bytes(item) for item in page["results"]]
    public = [
        json_bytes({name: item[name] for name in item if name in PUBLIC_FIELDS[noun]}) for item in page["results"]
    ]
    assert min(whole) >= 1000
    assert max(whole) <= 3072
    assert 0.7 <= 1 - sum(public) / sum(whole) <= 0.92


def json_bytes(item: dict[str, Any]) -> int:
    return len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())


def test_an_award_is_made_and_read_again(insignia: Insignia, token: str) -> None:
    made = insignia.call("POST", "/api/awards/", token=token, body=award(external_reference="acta-1"))
    assert made.status == 201
    assert made.json["status"] == "active"
    assert 10**18 <= made.json["serial"] < 10**19
    assert made.json["audit_trail"][-1]["actor"] == "registrar"
    assert 1000 <= len(made.body) <= 3072
    assert insignia.call("GET", f"/api/awards/{made.json['id']}/", token=token).json == made.json
    found = insignia.call("GET", "/api/awards/?external_reference=acta-1", token=token).json["results"]
    assert found == [made.json]


def test_a_bad_award_is_400_by_field(insignia: Insignia, token: str) -> None:
    bad = {"badge": 9999, "issued_on": "soon", "cost_center": "kitchen"}
    reply = insignia.call("POST", "/api/awards/", token=token, body=bad)
    assert reply.status == 400
    assert reply.json == {
        "badge": ['Invalid pk "9999" - object does not exist.'],
        "recipient": ["This field is required."],
        "issued_on": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
        "cost_center": ["Must be two capital letters, a hyphen and three digits, like IN-204."],
    }
    early = insignia.call("POST", "/api/awards/", token=token, body=award(expires_on="2026-02-28"))
    assert (early.status, early.json) == (400, {"expires_on": ["Must be after issued_on."]})


def test_a_body_that_is_no_json_is_400(insignia: Insignia, token: str) -> None:
    json_type = {"Content-Type": "application/json"}
    reply = insignia.call("POST", "/api/awards/", token=token, body=b'{"badge": ', headers=json_type)
    assert (reply.status, set(reply.json)) == (400, {"detail"})


def test_an_award_is_revoked_once(insignia: Insignia, token: str) -> None:
    made = insignia.call("POST", "/api/awards/", token=token, body=award()).json
    path = f"/api/awards/{made['id']}/revoke/"
    assert insignia.call("POST", path, token=token, body={}).json == {"reason": ["This field is required."]}
    revoked = insignia.call("POST", path, token=token, body={"reason": "Persona equivocada"})
    assert revoked.status == 200
    assert (revoked.json["status"], revoked.json["revocation_reason"]) == ("revoked", "Persona equivocada")
    assert revoked.json["audit_trail"][-1]["action"] == "award.revoked"
    again = insignia.call("POST", path, token=token, body={"reason": "Persona equivocada"})
    assert (again.status, again.json) == (409, {"detail": "This award has already been revoked."})


def test_badges_and_recipients_are_made(insignia: Insignia, token: str) -> None:
    badge = {"issuer": 1, "title": "Pruebas", "description": "d", "criteria": "c", "level": "expert"}
    badge |= {"skills": ["medición"], "image_url": "https://img.insignia.example/b/1.png", "published": False}
    assert insignia.call("POST", "/api/badges/", token=token, body=badge).status == 201
    person = {"display_name": "Nolverto Osquina", "country": "ES", "legal_name": "N. O."}
    person |= {"email": "nolverto@correo.example"}
    assert insignia.call("POST", "/api/recipients/", token=token, body=person).status == 201
    twice = insignia.call("POST", "/api/recipients/", token=token, body=person)
    assert (twice.status, set(twice.json)) == (400, {"email"})


def test_evidence_is_uploaded_listed_and_read(insignia: Insignia, token: str) -> None:
    path, content = "/api/awards/5/evidence/", b"Acta de la prueba\n" * 40
    made = insignia.upload(path, token, content)
    assert made.status == 201
    assert made.json["sha256"] == hashlib.sha256(content).hexdigest()
    assert (made.json["file_name"], made.json["size"], made.json["award"]) == ("acta final.txt", len(content), 5)
    assert insignia.call("GET", path, token=token).json["results"] == [made.json]
    file = insignia.call("GET", f"{path}{made.json['id']}/content/", token=token)
    assert (file.status, file.headers["Content-Type"], file.body) == (200, "text/plain", content)


def test_evidence_that_is_too_large_or_of_a_strange_type_is_400(insignia: Insignia, token: str) -> None:
    path = "/api/awards/6/evidence/"
    large = insignia.upload(path, token, b"x" * (1024 * 1024 + 1))
    assert (large.status, large.json) == (400, {"file": ["Must not be larger than 1048576 bytes."]})
    strange = insignia.upload(path, token, b"x", "application/x-msdownload")
    assert (strange.status, set(strange.json)) == (400, {"file"})
    missing = insignia.upload("/api/awards/9999/evidence/", token, b"x")
    assert (missing.status, set(missing.json)) == (404, {"detail"})


def test_json_where_a_form_is_wanted_is_415(insignia: Insignia, token: str) -> None:
    assert insignia.call("POST", "/api/awards/6/evidence/", token=token, body={}).status == 415


def test_head_is_answered_without_a_body(insignia: Insignia, token: str) -> None:
    whole = insignia.call("GET", "/api/badges/1/", token=token)
    with socket.create_connection(("127.0.0.1", insignia.port), timeout=10) as connection:
        head = f"HEAD /api/badges/1/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n")
    # The link in the object has the Host of the request in it.
    shorter = 2 * (len(f"127.0.0.1:{insignia.port}") - len("localhost"))
    assert f"\r\nContent-Length: {len(whole.body) - shorter}\r\n".encode() in received
