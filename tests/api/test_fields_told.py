"""The ledger of fields: what partners were given, by month."""

from __future__ import annotations

import numpy as np
import pytest
from support.admin import AdminAPI
from support.contracts import Contracts
from support.made_contract import FIELDS, json_answer, problem_answer
from support.made_segments import Node
from support.world import World, body_of

from portazgo._native import decode_segment
from portazgo.contracts import telling
from portazgo.contracts.fields.ledger import Telling
from portazgo.contracts.models import ToldFields
from portazgo.kit.ids import uuid7
from portazgo.partners.models import Partner
from portazgo.usage.collector import collect

pytestmark = pytest.mark.usefixtures("database")

AT_US = 1_795_536_000_000_000  # 2026-11-24


def told_by(*routes: str) -> ToldFields:
    answers = [json_answer("200"), json_answer("201"), problem_answer("404")]
    kinds = tuple((answer["status"], answer["body"]["kind"]) for answer in answers)
    what = Telling(answers=kinds, fields={"200": FIELDS, "201": FIELDS[:1]}, at=())
    kept = {route: {"name": f"route-{number}", **what.kept()} for number, route in enumerate(routes)}
    return ToldFields.objects.create(number=1_795_000_000, contract="badges", name="2026-11-24", routes=kept)


def recorded(number: int, count: int = 400) -> list[dict[str, object]]:
    node = Node(np.random.default_rng(3), uuid7(), uuid7(), partners=3, contract_version=number)
    first, content = node.segment(AT_US, count)
    collect(node.node, node.epoch, first, content)
    return decode_segment(content)


def test_each_field_is_listed_with_how_many_answers_gave_it_out(api: AdminAPI) -> None:
    routes = sorted({str(record["route"]) for record in recorded(0)})
    version = told_by(*routes)
    records = recorded(version.number)
    report = api.get("/usage/fields", {"month": "2026-11"}).body
    assert (report["month"], report["unknown_answers"]) == ("2026-11", 0)
    found = {(row["partner"], row["route"], row["field"]): row["answers"] for row in report["items"]}
    expected: dict[tuple[object, str, str], int] = {}
    for record in records:
        gives = {200: FIELDS, 201: FIELDS[:1]}.get(record["backend_status"], ())  # type: ignore[call-overload]
        for pair in gives:
            key = (record["partner"], f"route-{routes.index(str(record['route']))}", pair.partner)
            expected[key] = expected.get(key, 0) + 1
    assert found == expected
    label = next(row for row in report["items"] if row["field"] == "label")
    assert {name: label[name] for name in ("contract", "version", "backend_field", "selectable", "partner_name")} == {
        "contract": "badges",
        "version": "2026-11-24",
        "backend_field": "title",
        "selectable": True,
        "partner_name": None,
    }


def test_each_version_gets_a_number_of_its_own_that_nodes_are_told(api: AdminAPI, world: World) -> None:
    made, one = Contracts(world).published()
    api.patch(f"/contracts/{made['id']}", {"routes": {"show": {"answers": {"200": [{"select": ["id"]}]}}}})
    two = api.post(f"/contracts/{made['id']}/publish", {}).body
    numbers = [body_of("contract", version["id"])["number"] for version in (one, two)]
    assert len(set(numbers)) == 2
    assert all(0 < number < 2**32 for number in numbers)
    assert api.delete(f"/contracts/{made['id']}").status == 204
    kept = ToldFields.objects.in_bulk(numbers)
    assert [kept[number].contract for number in numbers] == [made["name"]] * 2


def test_a_trace_names_the_version_that_projected_its_answer(api: AdminAPI) -> None:
    version = told_by("none")
    recorded(version.number, 3)
    traces = api.get("/traces").body["items"]
    assert [trace["contract"] for trace in traces] == ["badges@2026-11-24"] * 3
    version.delete()
    assert {trace["contract"] for trace in api.get("/traces").body["items"]} == {None}


def test_a_month_and_a_partner_are_asked_for(api: AdminAPI) -> None:
    routes = sorted({str(record["route"]) for record in recorded(0)})
    records = recorded(told_by(*routes).number)
    partner = str(records[0]["partner"])
    Partner.objects.create(id=partner, name="wind", metadata={}, created_at="2026-11-24T00:00:00Z")
    rows = api.get("/usage/fields", {"month": "2026-11", "partner": partner}).body["items"]
    assert {(row["partner"], row["partner_name"]) for row in rows} == {(partner, "wind")}
    assert api.get("/usage/fields", {"month": "2026-10"}).body["items"] == []
    assert api.get("/usage/fields", {"month": "2026-13"}).status == 422


def test_answers_of_versions_that_are_not_known_are_counted_apart(api: AdminAPI) -> None:
    records = recorded(4_711, 50)
    report = api.get("/usage/fields", {"month": "2026-11"}).body
    assert (report["unknown_answers"], report["items"]) == (len(records), [])


def test_a_ledger_that_is_too_long_says_what_to_ask_for(api: AdminAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = sorted({str(record["route"]) for record in recorded(0)})
    recorded(told_by(*routes).number)
    monkeypatch.setattr(telling, "MOST_ROWS", 3)
    refused = api.get("/usage/fields", {"month": "2026-11"})
    assert (refused.status, refused.body["code"]) == (422, "usage_too_many_rows")
