"""A file with its includes and imports is one document, and everything wrong has a place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portazgo.declarative.file.reading import NoFile, Reading, read_file
from portazgo.declarative.problems import Problem

OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "Parcels", "version": "1"},
    "paths": {
        "/api/parcels/": {"get": {"operationId": "listParcels", "tags": ["parcels"], "responses": {}}},
        "/api/parcels/{id}/": {"get": {"operationId": "showParcel", "tags": ["parcels"], "responses": {}}},
        "/api/parcels/{id}.{format}": {"get": {"operationId": "fileOfParcel", "tags": ["parcels"], "responses": {}}},
        "/api/users/": {"get": {"operationId": "listUsers", "tags": ["users"], "responses": {}}},
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reading(**files: str) -> Reading:
    """Write files (`portazgo`, `partners_acme` → partners/acme.yaml) and read the first."""
    for name, text in files.items():
        path = Path(f"{name.replace('_', '/')}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return read_file(Path("portazgo.yaml"))


def said(found: Reading) -> list[str]:
    return [str(finding) for finding in found.findings]


def test_included_files_add_their_members_with_their_own_places(folder: Path) -> None:
    found = reading(
        portazgo="portazgo: 1\nname: x\ninclude: ['partners/*.yaml', plans.yaml]\npartners: {own: {}}\n",
        partners_acme="partners:\n  acme: {}\n",
        partners_globex="portazgo: 1\npartners:\n  globex: {}\n",
        plans="plans: {basic: {}}\ninclude: [portazgo.yaml]\n",
    )
    assert found.tree == {
        "portazgo": 1,
        "name": "x",
        "partners": {"own": {}, "acme": {}, "globex": {}},
        "plans": {"basic": {}},
    }
    assert said(found) == []
    problems = [Problem("/partners/globex/status", "a"), Problem("/plans/basic", "b"), Problem("/partners/own", "c")]
    assert [str(one) for one in found.find(problems)] == [
        "partners/globex.yaml:3:3: a",
        "plans.yaml:1:9: b",
        "portazgo.yaml:4:12: c",
    ]


def test_what_is_wrong_with_includes_is_told_at_once(folder: Path) -> None:
    found = reading(
        portazgo="portazgo: 1\ninclude: [nothing.yaml, a.yaml, b.yaml]\npartners: {acme: {}}\n",
        a="portazgo: 2\npartners: {acme: {}, other: {}}\nsettings: {lang: es}\n",
        b="- 1\n",
    )
    assert said(found) == [
        "a.yaml:1:1: this file says another version than the one that includes it",
        'a.yaml:2:12: the partner "acme" stands at portazgo.yaml:3:12 already',
        "a.yaml:3:1: settings belongs into portazgo.yaml, which includes this file",
        "b.yaml:1:1: a file is a mapping of sections",
        'portazgo.yaml:2:11: nothing is called "nothing.yaml" beside portazgo.yaml',
    ]
    assert found.tree["partners"] == {"acme": {}, "other": {}}


def test_settings_are_checked_and_kept_out_of_the_document(folder: Path) -> None:
    found = reading(portazgo="settings:\n  log_formt: json\n  lang: fr\n  threads: [2]\n  log_format: json\n")
    assert found.tree == {}
    assert said(found) == [
        'portazgo.yaml:2:3: there is no setting "log_formt"; did you mean "log_format"?',
        "portazgo.yaml:3:3: 'fr' is none of en, es. Write en or es.",
        "portazgo.yaml:4:3: its value is neither text nor a number. Write a whole number from 1 to 256.",
    ]


def test_an_import_becomes_routes_and_one_that_is_written_out_goes_before(folder: Path) -> None:
    Path("parcels.json").write_text(json.dumps(OPENAPI))
    found = reading(
        portazgo="""\
apis:
  parcels:
    import:
      openapi: parcels.json
      backend: depot
      pick: {tags: [parcels]}
      prefix_map: {/api: /v1}
      passthrough: true
    routes:
      mine: {backend: depot, method: GET, path: /v1/parcels/, scopes: [read], passthrough: true}
"""
    )
    assert found.tree["apis"]["parcels"] == {
        "routes": {
            "mine": {
                "backend": "depot",
                "method": "GET",
                "path": "/v1/parcels/",
                "scopes": ["read"],
                "passthrough": True,
            },
            "show-parcel": {
                "backend": "depot",
                "method": "GET",
                "path": "/v1/parcels/{id}/",
                "backend_path": "/api/parcels/{id}/",
                "request_headers": [],
                "tags": ["parcels"],
                "passthrough": True,
            },
        }
    }
    assert said(found) == []
    assert [str(warning) for warning in found.warnings] == [
        (
            "portazgo.yaml:4:7: GET /api/parcels/{id}.{format} makes no route: the segment '{id}.{format}' of "
            "'/v1/parcels/{id}.{format}' is neither a literal nor one whole parameter such as {id}"
        )
    ]
    assert [str(one) for one in found.find([Problem("/apis/parcels/routes/show-parcel/backend", "none")])] == [
        "portazgo.yaml:5:7: none"
    ]


@pytest.mark.parametrize(
    ("openapi", "message"),
    [
        ("absent.json", "there is no file absent.json"),
        ("https://depot.example/openapi.json", "an import is a file beside this one, never a URL"),
        ("other.json", "other.json: the document must be OpenAPI 3.0 or 3.1"),
    ],
)
def test_an_import_that_cannot_be_read_says_why(folder: Path, openapi: str, message: str) -> None:
    Path("other.json").write_text("{}")
    text = f"apis: {{a: {{import: {{openapi: '{openapi}', backend: b, passthrough: true}}}}}}"
    assert [one[: len(message) + 20] for one in said(reading(portazgo=text))] == [f"portazgo.yaml:1:21: {message}"]


def test_what_an_import_names_and_its_document_does_not_have_is_told_at_its_place(folder: Path) -> None:
    Path("parcels.json").write_text(json.dumps(OPENAPI))
    found = reading(
        portazgo="""\
apis:
  parcels:
    import:
      openapi: parcels.json
      backend: depot
      pick: {operations: [listParcel, listUsers]}
      prefix_map: {/ap: /v1}
      passthrough: true
"""
    )
    assert said(found) == [
        "portazgo.yaml:6:14: the document has no operation 'listParcel'; did you mean \"listParcels\"?",
        "portazgo.yaml:7:7: no path that is imported begins with '/ap'; did you mean \"/api\"?",
    ]


def test_a_malformed_import_is_left_for_the_judge(folder: Path) -> None:
    found = reading(portazgo="apis: {a: {import: {openapi: x.json, bckend: b}}}")
    assert found.tree == {"apis": {"a": {"import": {"openapi": "x.json", "bckend": "b"}}}}


def test_a_file_that_cannot_be_read_is_a_sentence(folder: Path) -> None:
    Path("folder").mkdir()
    Path("latin").write_bytes(b"a: \xff")
    Path("large").write_bytes(b"#" * (1024**2 + 1))
    sentences = {
        "absent": "absent can't be read (there is no such file)",
        "folder": "folder can't be read (there is no such file)",
        "latin": "latin can't be read (byte 3 is not UTF-8)",
        "large": "large can't be read (it has more than 1048576 bytes)",
    }
    for name, sentence in sentences.items():
        with pytest.raises(NoFile) as refusal:
            read_file(Path(name))
        assert str(refusal.value) == sentence


@pytest.fixture
def outside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder beside the one that is read."""
    inner, outside = folder / "cloned", folder / "private"
    inner.mkdir()
    outside.mkdir()
    (outside / "x.yaml").write_text("partners: {stolen: {}}\n")
    (outside / "parcels.json").write_text(json.dumps(OPENAPI))
    monkeypatch.chdir(inner)
    return outside


@pytest.mark.parametrize(
    "pattern",
    [
        "{outside}/x.yaml",
        "../private/x.yaml",
        "../*/x.yaml",
        "*/../../private/x.yaml",
        "../cloned/../private/*",
        "link/x.yaml",
        "link/*.yaml",
        "link/../private/x.yaml",
        "circle/x.yaml",
    ],
)
def test_an_include_that_leads_out_of_the_folder_is_refused_at_its_place(outside: Path, pattern: str) -> None:
    Path("link").symlink_to(outside)
    Path("circle").symlink_to("circle")
    pattern = pattern.format(outside=outside)
    found = reading(portazgo=f"portazgo: 1\ninclude: ['{pattern}']\n")
    assert said(found) == [
        f'portazgo.yaml:2:11: "{pattern}" leads out of the folder of portazgo.yaml: include what lies beside it or below'
    ]
    assert found.tree == {"portazgo": 1}


def test_a_link_that_a_pattern_finds_leads_out_neither(outside: Path) -> None:
    Path("partners").mkdir()
    Path("partners/x.yaml").symlink_to(outside / "x.yaml")
    found = reading(portazgo="portazgo: 1\ninclude: ['partners/*.yaml', '*/x.yaml']\n")
    where = "is a link that leads out of the folder of portazgo.yaml: include what lies beside it or below"
    assert said(found) == [f"portazgo.yaml:2:{column}: partners/x.yaml {where}" for column in (11, 30)]
    assert found.tree == {"portazgo": 1}


def test_an_included_file_may_name_what_lies_above_it_in_the_folder(outside: Path) -> None:
    Path("common").mkdir()
    Path("shared").symlink_to("common")
    found = reading(
        portazgo="portazgo: 1\ninclude: ['parts/*.yaml', shared/b.yaml]\n",
        parts_a="include: [../plans.yaml]\n",
        plans="plans: {basic: {}}\n",
        common_b="partners: {acme: {}}\n",
    )
    assert said(found) == []
    assert found.tree == {"portazgo": 1, "plans": {"basic": {}}, "partners": {"acme": {}}}


@pytest.mark.parametrize("openapi", ["{outside}/parcels.json", "../private/parcels.json", "link/parcels.json"])
def test_an_import_that_leads_out_of_the_folder_is_refused_at_its_place(outside: Path, openapi: str) -> None:
    Path("link").symlink_to(outside)
    openapi = openapi.format(outside=outside)
    found = reading(portazgo=f"apis: {{a: {{import: {{openapi: '{openapi}', backend: b, passthrough: true}}}}}}")
    assert said(found) == [
        f'portazgo.yaml:1:21: "{openapi}" leads out of the folder of the file: keep the document beside it or below'
    ]
    assert "routes" not in (found.tree["apis"]["a"] or {})
