"""The OpenAPI document of the admin API: what django-ninja derives, and what holds for every operation.

`python -m portazgo.control.openapi [--check]` writes schema/admin-openapi.json; with --check it writes nothing and exits 1
when the file is stale.
"""

from __future__ import annotations

import json
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portazgo.kit.web.problems import PROBLEM_JSON

if TYPE_CHECKING:
    from ninja.openapi.schema import OpenAPISchema

PROJECT = Path(__file__).resolve().parents[3]
FILE = PROJECT / "schema" / "admin-openapi.json"
NOTICE = "Generated from the routers of the nouns by `make gen`; do not edit."

_WRITES = frozenset({"post", "put", "patch", "delete"})
_ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
_WITH_PARAMETERS = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
_WITH_WRITES = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
_WITH_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY)
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]([\\x20-\\x7e]{0,253}[\\x21-\\x7e])?$"},
    "description": "The same request sent again with the same key gets the first answer, for 24 hours.",
}


def complete(document: OpenAPISchema) -> OpenAPISchema:
    """Add what every operation has: problem documents for each refusal, `Idempotency-Key` on writes."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["ProblemDocument"] = _problem_schema()
    components["responses"] = {"Problem": _problem_response()}
    for path in document["paths"].values():
        for method, operation in path.items():
            _complete_operation(method, operation)
    return document


def text() -> str:
    """Give the document as it is committed. Django must be set up."""
    from portazgo.control.api import api  # noqa: PLC0415 - needs Django

    document: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
    # Its version would make every release a change of the contract.
    document["info"]["version"] = "1"
    return json.dumps({"x-notice": NOTICE, **document}, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="portazgo-openapi-") as folder:
        _set_up(folder)
        fresh = text()
    stale = not FILE.exists() or FILE.read_text("utf-8") != fresh
    if "--check" in arguments:
        if stale:
            sys.stderr.write(f"{FILE.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 1 if stale else 0
    if stale:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(fresh, "utf-8")
    return 0


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    refusals = {*_ALWAYS}
    if operation.get("parameters"):
        refusals |= {*_WITH_PARAMETERS}
    if method in _WRITES:
        refusals |= {*_WITH_WRITES}
        operation["parameters"] = [*operation.get("parameters", []), _IDEMPOTENCY_KEY]
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _never_null(parameter["schema"])
    if "requestBody" in operation:
        refusals |= {*_WITH_BODY}
    for status in sorted(refusals):
        operation["responses"][str(status.value)] = {"$ref": "#/components/responses/Problem"}


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Take `null` out of a parameter's schema: a query has no way to say it, but to leave the parameter out."""
    one_of = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(one_of) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name not in {"anyOf", "default"}}, **one_of[0]}


def _problem_schema() -> dict[str, Any]:
    from portazgo.kit.web.schemas import ProblemDocument  # noqa: PLC0415 - needs Django

    return ProblemDocument.model_json_schema(mode="serialization")


def _problem_response() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": "Why it was not done (RFC 9457)", "content": {PROBLEM_JSON: {"schema": schema}}}


def _set_up(folder: str) -> None:
    from portazgo.control.boot import boot  # noqa: PLC0415 - a process that only writes the file
    from portazgo.settings import load  # noqa: PLC0415

    boot(load({"data_dir": folder}, environment={}, file=Path("absent.yaml")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
