"""Turns `import` into routes that are written out, and `openapi` of schemas into texts, of documents beside the file.

Never from a URL: the same file would mean another thing tomorrow, a review would not see it, and no rollback could
bring it back. What is fetched once and kept beside the file is reviewed like the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from portazgo.declarative.document import ImportPart
from portazgo.declarative.domain import escape
from portazgo.declarative.file.confinement import leads_out
from portazgo.declarative.file.places import Finding, Places, place_of
from portazgo.routes.domain import shape
from portazgo.routes.openapi.drafts import Draft, Pick, draft_routes
from portazgo.routes.openapi.idle import idle_parts
from portazgo.routes.openapi.operations import operations
from portazgo.routes.openapi.reading import JSON_BYTES, read_text
from portazgo.routes.openapi.refused import DocumentRefused


class _Refused(Exception):
    """The document can't be used."""


def resolve_imports(
    tree: dict[str, Any], places: Places, findings: list[Finding], warnings: list[Finding], *, root: Path
) -> None:
    """Replace every well-formed `import`; one that is not stays, and the document's form is judged as it is.

    Documents lie in `root`, the folder of the root file, or below.
    """
    apis = tree.get("apis")
    for name, api in apis.items() if isinstance(apis, dict) else ():
        if not isinstance(api, dict) or not isinstance(api.get("import"), dict):
            continue
        try:
            part = ImportPart.model_validate(api["import"])
        except ValidationError:
            continue
        pointer = f"/apis/{escape(name)}"
        place = place_of(f"{pointer}/import/openapi", places)
        del api["import"]
        try:
            _, document = _document(part.openapi, place.file.parent, root)
            known = list(operations(document))
            found = draft_routes(known, _pick(part), part.prefix_map)
        except _Refused as problem:
            findings.append(Finding(place, str(problem)))
            continue
        idle = idle_parts(known, _pick(part), part.prefix_map)
        findings += [Finding(place_of(f"{pointer}/import{one.pointer}", places), one.sentence) for one in idle]
        if not (found.drafts or idle):
            findings.append(Finding(place, f"no operation of {part.openapi} is picked"))
        _add(api, part, found.drafts, pointer, places)
        warnings += [Finding(place, f"{one.method} {one.path} makes no route: {one.reason}") for one in found.skipped]


def resolve_schemas(tree: dict[str, Any], places: Places, findings: list[Finding], *, root: Path) -> None:
    """Put the text of every schema's document in place of its path; what can't be read stays as it is written."""
    schemas = tree.get("schemas")
    for name, schema in schemas.items() if isinstance(schemas, dict) else ():
        written = schema.get("openapi") if isinstance(schema, dict) else None
        if not isinstance(written, str):
            continue
        pointer = f"/schemas/{escape(name)}"
        place = place_of(f"{pointer}/openapi", places)
        try:
            text, _ = _document(written, place.file.parent, root)
        except _Refused as problem:
            findings.append(Finding(place, str(problem)))
            continue
        schema["document"] = text
        del schema["openapi"]
        places[f"{pointer}/document"] = place


def _add(api: dict[str, Any], part: ImportPart, drafts: list[Draft], pointer: str, places: Places) -> None:
    routes = api.setdefault("routes", {})
    if routes is None:
        routes = api["routes"] = {}
    if not isinstance(routes, dict):
        return
    written = {_address(route) for route in routes.values()}
    for draft in drafts:
        if draft.name in routes or (draft.method, shape(draft.path)) in written:
            continue
        routes[draft.name] = {
            "backend": part.backend,
            "method": draft.method,
            "path": draft.path,
            "backend_path": draft.backend_path,
            "request_headers": list(draft.request_headers),
            "tags": list(draft.tags),
            "passthrough": True,
        }
        places[f"{pointer}/routes/{draft.name}"] = place_of(f"{pointer}/import", places)
        # A backend that there isn't is said where it is written.
        places[f"{pointer}/routes/{draft.name}/backend"] = place_of(f"{pointer}/import/backend", places)


def _address(route: object) -> tuple[str, str] | None:
    if not isinstance(route, dict) or not isinstance(route.get("path"), str):
        return None
    return str(route.get("method")), shape(route["path"])


def _document(written: str, folder: Path, root: Path) -> tuple[str, dict[str, Any]]:
    """Read an OpenAPI document: its text, and what it says. Raises _Refused."""
    if "://" in written:
        raise _Refused(
            "an import is a file beside this one, never a URL: keep a copy here, so that the same file always means "
            "the same (`portazgo api import` fetches once)"
        )
    if leads_out(written, folder, root):
        raise _Refused(f'"{written}" leads out of the folder of the file: keep the document beside it or below')
    file = folder / written
    try:
        if not file.is_file():
            raise _Refused(f"there is no file {file}")
        if file.stat().st_size > JSON_BYTES:
            raise _Refused(f"{file} has more than {JSON_BYTES} bytes")
        text = file.read_bytes().decode("utf-8")
        return text, read_text(text)
    except OSError as problem:
        raise _Refused(f"{file} can't be read ({problem.strerror})") from None
    except UnicodeDecodeError:
        raise _Refused(f"{file} is not UTF-8") from None
    except DocumentRefused as problem:
        line = f":{problem.line}" if problem.line else ""
        raise _Refused(f"{file}{line}: {problem}") from None


def _pick(part: ImportPart) -> Pick:
    return Pick(frozenset(part.pick.tags), tuple(part.pick.paths), frozenset(part.pick.operations))
