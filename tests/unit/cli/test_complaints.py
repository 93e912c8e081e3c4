"""A command that fails says so to people on stderr, in their language, and to programs as the document that they asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.command import entered

from portazgo.cli import words
from portazgo.cli.complaints import asked_for


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("contract", "list"), None),
        (("contract", "list", "--json"), "json"),
        (("contract", "list", "-o", "yaml"), "yaml"),
        (("contract", "list", "-oyaml"), "yaml"),
        (("contract", "list", "--output=json"), "json"),
        (("contract", "list", "--output", "csv"), "csv"),
        (("contract", "list", "-o"), None),
        (("key", "create", "--", "--json"), None),
    ],
)
def test_the_format_is_known_whether_or_not_the_command_can_be_read(
    arguments: tuple[str, ...], expected: str | None
) -> None:
    assert asked_for(arguments) == expected


@pytest.mark.parametrize("asked", [("--json",), ("-o", "yaml")])
def test_a_wrong_argument_is_a_document_beside_the_sentence(tmp_path: Path, asked: tuple[str, ...]) -> None:
    done = entered({}, tmp_path, "contract", "show", *asked)
    assert done.returncode == 2
    assert "Missing argument 'CONTRACT'." in done.stderr
    document = json.loads(done.stdout) if asked == ("--json",) else YAML(typ="safe").load(done.stdout)
    assert document == {"error": "Missing argument 'CONTRACT'.", "code": "usage", "exit_code": 2}


def test_what_a_command_refuses_has_its_remedy_and_its_code(tmp_path: Path) -> None:
    done = entered({"PORTAZGO_ADMIN_TOKEN_FILE": "none"}, tmp_path, "contract", "list", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["code"], document["exit_code"]) == (4, "login", 4)
    assert document["error"] in done.stderr
    assert document["remedy"] in done.stderr


def test_each_problem_of_a_contract_file_is_told_with_its_place(tmp_path: Path) -> None:
    token, file = tmp_path / "token", tmp_path / "c.yaml"
    token.write_text("ptza_x")
    file.write_text("api: [a]\nroute: {}\n")
    done = entered({"PORTAZGO_ADMIN_TOKEN_FILE": str(token)}, tmp_path, "contract", "check", "c.yaml", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["code"]) == (2, "contract_refused")
    assert document["problems"] == [
        {
            "file": "c.yaml",
            "line": 2,
            "column": 1,
            "message": 'there is no member "route" here; did you mean "routes"?',
        },
        {"file": "c.yaml", "line": 1, "column": 1, "message": "this must be text, and is a list"},
        {"file": "c.yaml", "line": 1, "column": 1, "message": '"schema" is missing'},
        {"file": "c.yaml", "line": 1, "column": 1, "message": '"routes" is missing'},
    ]


def test_for_people_and_for_rows_stdout_stays_empty(tmp_path: Path) -> None:
    for asked in ((), ("-o", "csv"), ("-o", "jsonl")):
        assert entered({}, tmp_path, "contract", "show", *asked).stdout == ""


def test_a_wrong_argument_is_told_in_spanish_and_so_is_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_chosen", None)
    spanish = {"PORTAZGO_LANG": "es"}
    shown = entered(spanish, tmp_path, "contract", "show").stderr.splitlines()
    assert shown == [
        "Uso: portazgo contract show [OPTIONS] CONTRACT",
        "Prueba 'portazgo contract show --help' para ver la ayuda.",
        "",
        "Error: Falta el argumento 'CONTRACT'.",
    ]
    for arguments, told in (
        (("contract", "shw"), "No existe el comando 'shw'. ¿Quisiste decir 'show'?"),
        (("contrac", "show"), "No existe el comando 'contrac'. ¿Quisiste decir 'contract'?"),
        (("contract", "list", "--jsn"), "No existe la opción '--jsn'. ¿Quisiste decir '--json'?"),
        (("contract", "show", "a", "b"), "Sobra el argumento (b)"),
        (
            ("contract", "deprecate", "a@b", "--sunset", "soon"),
            "Valor no válido para '--sunset': 'soon' no es ni una duración como 90d ni un momento como 2026-12-31T00:00:00Z",
        ),
    ):
        assert entered(spanish, tmp_path, *arguments).stderr.splitlines()[-1] == f"Error: {told}"


def test_what_the_system_says_is_told_without_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("ptza_x")
    environment = {"PORTAZGO_ADMIN_TOKEN_FILE": str(token), "PORTAZGO_CONTROL_URL": "http://127.0.0.1:1"}
    for language, sentence in (
        ("en", "Error: http://127.0.0.1:1 can't be reached: Connection refused"),
        ("es", "Error: no se puede llegar a http://127.0.0.1:1: conexión rechazada"),
    ):
        monkeypatch.setattr(words, "_chosen", None)
        done = entered({**environment, "PORTAZGO_LANG": language}, tmp_path, "contract", "list")
        assert (done.returncode, done.stderr.splitlines()[0]) == (1, sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"api: cat\xe1logo\n", "c.yaml is no text in UTF-8: its byte 9 is not"),
        (b"contracts:\n  a: {api: x}\n", "this is a portazgo.yaml, which `portazgo apply` takes"),
    ],
)
def test_a_file_that_is_something_else_is_told_as_such(tmp_path: Path, text: bytes, sentence: str) -> None:
    token, file = tmp_path / "token", tmp_path / "c.yaml"
    token.write_text("ptza_x")
    file.write_bytes(text)
    done = entered({"PORTAZGO_ADMIN_TOKEN_FILE": str(token)}, tmp_path, "contract", "check", "c.yaml")
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
