"""Contracts of the parcels that are wrong in one thing each, and what is said of them."""

from __future__ import annotations

from typing import Any

from portazgo.contracts.compiling import Problem

TENANT = {"fill": {"tenant": {"const": "acme"}}}


def show(*operators: Any) -> dict[str, Any]:
    """Routes of which one is answered through these."""
    return {"show": {"answers": {"200": list(operators)}}}


def create(*operators: Any) -> dict[str, Any]:
    """Routes of which one is asked through these."""
    return {"create": {"request": list(operators), "answers": {"200": {"empty": True}}}}


AT = "/routes/show/answers/200"
REFUSED = {
    "a path that the schema lacks": (
        show({"select": ["id", "owner.nane"]}),
        Problem(
            f"{AT}/0/select/1",
            "the schema has no owner.nane: it knows no member 'nane' in owner of the answer",
            "owner.name",
        ),
    ),
    "an unknown operator": (
        show({"select": ["id"]}, {"renam": {"id": "x"}}),
        Problem(f"{AT}/1/renam", "there is no operator 'renam'", "rename"),
    ),
    "an operator of another language": (
        show({"select": ["id"]}, {"hide": ["owner"]}),
        Problem(
            f"{AT}/1/hide",
            "there is no operator 'hide' (there is: select, rename, move, wrap, unwrap, const, compute, fill, default, "
            "map_value, coerce, drop_null, case, describe, rewrite_url, use, unknown)",
        ),
    ),
    "a list where a mapping belongs": (
        show({"select": ["id"]}, {"rename": ["id", "number"]}),
        Problem(f"{AT}/1/rename", "this must be a mapping, and is a list"),
    ),
    "a status that the operation never has": (
        {"show": {"answers": {"200": {"empty": True}, "201": [{"select": ["id"]}]}}},
        Problem("/routes/show/answers/201", "show_parcel has no answer '201' (there is: 200)"),
    ),
    "an unknown member of a route": (
        {"show": {"answer": {}, "answers": {"200": {"empty": True}}}},
        Problem("/routes/show/answer", "there is no member 'answer'", "answers"),
    ),
    "a route that the API lacks": (
        {"shew": {"answers": {"200": {"empty": True}}}},
        Problem("/routes/shew", "the API has no route 'shew'", "show"),
    ),
    "an operation that the schema lacks": (
        {"show": {"operation": "shown_parcel", "answers": {"200": {"empty": True}}}},
        Problem("/routes/show/operation", "the schema has no operation 'shown_parcel'", "show_parcel"),
    ),
    "a free-form value without asking for it": (
        show({"select": ["extra"]}),
        Problem(
            f"{AT}/0/select/0",
            "extra is free-form: the schema does not say what it holds. To let it pass as it is, say so",
            "extra.**",
        ),
    ),
    "two members with one name": (
        show({"select": ["id", "number"]}, {"rename": {"number": "id"}}),
        Problem(f"{AT}/1/rename/number", "two members are called 'id' for the partner: id and number"),
    ),
    "a constant with a taken name": (
        show({"select": ["id"]}, {"const": {"id": 1}}),
        Problem(f"{AT}/1/const/id", "two members are called 'id' for the partner: id and a constant"),
    ),
    "a default of another type": (
        show({"select": ["weight"]}, {"default": {"weight": "heavy"}}),
        Problem(
            f"{AT}/1/default/weight",
            "the default does not fit weight: it is of type string, and the schema has number here",
        ),
    ),
    "a default that is none of the words that partners read": (
        show(
            {"select": ["status"]},
            {"default": {"status": "open"}},
            {"map_value": {"status": {"values": {"open": "OPEN", "closed": "SHUT"}}}},
        ),
        Problem(
            f"{AT}/1/default/status",
            "the default does not fit status as partners read it: it is none of the values that the schema lists",
        ),
    ),
    "a value that requests leave out and the backend requires": (
        create({"select": ["number"]}, TENANT, {"map_value": {"number": {"values": {"a": "A"}, "otherwise": "omit"}}}),
        Problem(
            "/routes/create/request/2/map_value/number",
            "otherwise: omit would leave out number, which the backend requires",
            "fail",
        ),
    ),
    "a value of the path that is left out": (
        {
            "show": {
                "path": {"id": {"map_value": {"values": [[1, "one"]], "otherwise": "omit"}}},
                "answers": {"200": {"empty": True}},
            }
        },
        Problem(
            "/routes/show/path/id/map_value", "otherwise: omit would leave out id, which the backend requires", "fail"
        ),
    ),
    "a default of an object that partners read otherwise": (
        show(
            {"select": ["number", "owner.name"]},
            {"rename": {"owner.name": "full_name"}},
            {"default": {"owner": {"full_name": 7}}},
        ),
        Problem(
            f"{AT}/2/default/owner",
            "the default does not fit owner as partners read it: its member full_name: it is of type integer, and the schema "
            "has string here",
        ),
    ),
    "members that nobody knows, handled in two ways": (
        create({"select": ["number"]}, TENANT, {"unknown": "drop"}, {"unknown": "refuse"}),
        Problem("/routes/create/request/3/unknown", "unknown members are to be handled by drop already"),
    ),
    "an operator that does not fit": (
        show({"select": ["weight"]}, {"rewrite_url": ["weight"]}),
        Problem(
            f"{AT}/1/rewrite_url/0", "rewrite_url does not fit weight: a URL is a text, and the schema has number here"
        ),
    ),
    "a value that the backend does not know": (
        show({"select": ["status"]}, {"map_value": {"status": {"values": {"opened": "O"}}}}),
        Problem(
            f"{AT}/1/map_value/status",
            'map_value does not fit status: the backend knows no value "opened" here',
            "open",
        ),
    ),
    "two operators that contradict": (
        show({"select": ["number"]}, {"rename": {"number": "code"}}, {"move": {"number": "meta.code"}}),
        Problem(f"{AT}/2/move/number", "number is changed by rename and move, which contradict"),
    ),
    "something said of what does not pass": (
        show({"select": ["id"]}, {"rename": {"number": "code"}}),
        Problem(f"{AT}/1/rename/number", "number is not selected, so rename does nothing there"),
    ),
    "a move out of a list": (
        show({"select": ["id", "stops.place"]}, {"move": {"stops.place": "place"}}),
        Problem(f"{AT}/1/move/stops.place", "stops can't be left by stops.place: it is a list"),
    ),
    "an operator for the other direction": (
        show({"select": ["id"]}, {"fill": {"tenant": "x"}}),
        Problem(f"{AT}/1/fill", "fill is for requests"),
    ),
    "nothing selected": (
        show({"const": {"a": 1}}),
        Problem(AT, "nothing is selected: name what may pass, such as {select: [id, name]}"),
    ),
    "a member that the backend requires": (
        create({"select": ["number"]}),
        Problem("/routes/create/request", "the backend requires `tenant`; fill it or select it"),
    ),
    "a fill of another type": (
        create({"select": ["number"]}, {"fill": {"tenant": {"const": 5}}}),
        Problem(
            "/routes/create/request/1/fill/tenant",
            "what fills tenant does not fit: it is of type integer, and the schema has string here",
        ),
    ),
    "a map beside a member that is hidden": (
        show({"select": ["open.name", "open.*"]}),
        Problem(
            f"{AT}/0/select/1",
            "open is a map beside named members, and open.ssn would pass with it: select all of them, or leave the map out",
        ),
    ),
    "a fill within another": (
        create(
            {"select": ["number"]},
            TENANT,
            {"fill": {"owner": {"const": {"name": "Ana"}}}},
            {"fill": {"owner.city": {"const": "Lima"}}},
        ),
        Problem(
            "/routes/create/request/3/fill/owner.city",
            "owner.city can't be filled: owner is filled too, and one lies in the other",
        ),
    ),
    "a fill around another": (
        create(
            {"select": ["number"]},
            TENANT,
            {"fill": {"owner.city": {"const": "Lima"}}},
            {"fill": {"owner": {"const": {"name": "Ana"}}}},
        ),
        Problem(
            "/routes/create/request/3/fill/owner",
            "owner can't be filled: owner.city is filled too, and one lies in the other",
        ),
    ),
    "a fill that partners could leave out": (
        create({"select": ["number", "owner.name"]}, TENANT, {"fill": {"owner.city": {"const": "Lima"}}}),
        Problem(
            "/routes/create/request/2/fill/owner.city",
            "owner.city can't be filled: owner is optional or may be null, and a partner that leaves it out would leave the "
            "fill out too",
        ),
    ),
    "a template that reads nothing": (
        create({"select": ["number"]}, TENANT, {"fill": {"status": "{partner.tier}"}}),
        Problem(
            "/routes/create/request/2/fill/status",
            "the template can't be read: {partner.tier} is none of the values that a claim may use: application.environment, "
            "application.id, application.metadata.NAME, application.name, key.kid, key.name, key.scopes, partner.id, "
            "partner.metadata.NAME, partner.name",
        ),
    ),
    "a body that is not spoken of": (
        {"create": {"answers": {"200": {"empty": True}}}},
        Problem("/routes/create", "create_parcel takes a body: say in `request` what partners may send"),
    ),
    "a query parameter that the operation lacks": (
        {
            "create": {
                "request": [{"select": ["number"]}, TENANT],
                "query": {"pages": {}},
                "answers": {"200": {"empty": True}},
            }
        },
        Problem("/routes/create/query/pages", "the operation create_parcel has no query parameter 'pages'", "page"),
    ),
    "a status that is none": (
        {"show": {"answers": {"2OO": {"empty": True}}}},
        Problem("/routes/show/answers/2OO", '\'2OO\' is no status: write "200", "4XX" or default'),
    ),
    "a header that leads round the gateway": (
        {"show": {"headers": {"X_HTTP_Method_Override": {}}, "answers": {"200": {"empty": True}}}},
        Problem(
            "/routes/show/headers/X_HTTP_Method_Override",
            "the header x_http_method_override is the gateway's own, or leads round it",
        ),
    ),
    "a header that describes the backend": (
        {"show": {"response_headers": {"x-cookie": "set-cookie"}, "answers": {"200": {"empty": True}}}},
        Problem(
            "/routes/show/response_headers/x-cookie",
            "the header x-cookie describes the backend, or sends clients elsewhere: it stays inside",
        ),
    ),
    "no answers": (
        {"show": {}},
        Problem("/routes/show", "the route says nothing of answers: without answers, partners receive only problems"),
    ),
}
