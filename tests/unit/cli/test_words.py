"""The command line speaks English and Spanish, and neither in part."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from portazgo.cli import trace_page, words
from portazgo.cli.spanish import SENTENCES
from portazgo.cli.spanish_labels import LABELS

FOLDER = Path(words.__file__).parent
ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def sentences_in_code() -> set[str]:
    """Give what `say` is called with, and what it is called with by way of a table."""
    found = set(trace_page._WHOSE_MOVE.values()) | {trace_page._NOBODY}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_sentence_has_its_spanish_and_no_spanish_is_left_over() -> None:
    assert set(SENTENCES) == sentences_in_code()


@pytest.mark.parametrize("english", SENTENCES)
def test_a_translation_fills_in_the_same_members(english: str) -> None:
    members = re.compile(r"\{[^}]*\}")
    assert sorted(members.findall(SENTENCES[english])) == sorted(members.findall(english))


def test_every_heading_of_a_table_has_its_spanish() -> None:
    columns = {
        column
        for name in MODULES
        for attribute, value in vars(importlib.import_module(f"portazgo.cli.{name}")).items()
        if attribute == "COLUMNS" or attribute.endswith("_COLUMNS")
        if isinstance(value, tuple) and attribute != "CSV_COLUMNS" and name != "trace"
        for column in value
    }
    assert {"name", "kid", "backend_path"} <= columns
    headings = {words._LABELS.get(column) or words._words_of(column) for column in columns}
    assert headings - LABELS.keys() == set()


# What commands show as one document, by the API's names, and below which members theirs stand.
SHOWN = {
    **dict.fromkeys(
        ("ApiView", "ApplicationView", "IssuerView", "KeyShownOnce", "NodeTokenShownOnce", "NodeView", "PartnerView"),
        "",
    ),
    **dict.fromkeys(("DeliveryView", "EndpointShownOnce", "LeakView", "OutboxView", "PepperView"), ""),
    **dict.fromkeys(("PlanView", "RouteView", "SigningKeyView", "TokenShownOnce", "BackendView"), ""),
    "ReceiptView": "receipt.",
    "EnvironmentBody": "environments.live.",
    "ForwardingBody": "environments.test.forwarding.",
}


def test_every_member_of_what_is_shown_has_its_spanish() -> None:
    schemas = json.loads((ROOT / "schema" / "admin-openapi.json").read_text())["components"]["schemas"]
    paths = {path + name for schema, path in SHOWN.items() for name in schemas[schema]["properties"]}
    assert {"receipt.applied_at", "lease_ends_at", "environments.test.forwarding.breaker"} <= paths
    paths |= {"folder", "key_file", "engine", "made_at", "key_id", "data_dir", "keys_to_kill_again"}  # cli/backup.py
    paths |= {"file", "history", "bytes"}  # cli/snapshot.py
    headings = {words._LABELS.get(path) or words._words_of(path) for path in paths}
    bare = {heading.removeprefix("live ").removeprefix("test ") for heading in headings}
    assert {heading for heading in bare if heading not in LABELS and not LABELS.keys() >= set(heading.split())} == set()


def test_the_language_is_that_of_the_environment_until_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_chosen", None)
    monkeypatch.setenv("PORTAZGO_LANG", "es")
    assert (words.language(), words.say("yes"), words.label("created_at")) == ("es", "sí", "creado")
    assert [words.label(f"environments.{path}") for path in ("live.forwarding.pool", "test.timeouts")] == [
        "conexiones live",
        "esperas test",
    ]
    monkeypatch.setenv("PORTAZGO_LANG", "xx")
    assert (words.language(), words.say("yes"), words.label("created_at")) == ("en", "yes", "created")
    words.speak("es")
    assert words.say("Removed {name}.", name="acme") == "acme: eliminado."
