"""In Spanish the command line says what the control plane says of contracts, and click of arguments, in Spanish too."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portazgo import contracts
from portazgo.cli import words
from portazgo.cli.spanish_answers import ANSWERS, AROUND
from portazgo.cli.spanish_contracts import CONTRACTS
from portazgo.cli.spanish_told import translated

FOLDER = Path(contracts.__file__).parent
# By what problems of contracts, and differences of versions, are told: the arguments that are sentences.
TELLERS = {
    **dict.fromkeys(("add", "unknown"), 1),
    **dict.fromkeys(("Misfit", "ExpressionRefused", "PathInvalid", "NotFound", "Conflict"), 0),
    **dict.fromkeys(("_turned",), 3),
    **dict.fromkeys(("_tell",), 2),
}
MEMBER = re.compile(r"\{(\w+)(?::\w+)?\}")


def sentences() -> Iterator[str]:
    """Give each sentence that is told by one of these, with `⟨1⟩`, `⟨2⟩` … for what it fills in."""
    for file in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = TELLERS.get(called)
            if at is not None and len(node.args) > at and (written := _written(node.args[at])):
                yield f"{written} ⟨0⟩" if called == "unknown" else written


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if " " in node.value else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = [
        str(part.value) if isinstance(part, ast.Constant) else f"⟨{number}⟩" for number, part in enumerate(node.values)
    ]
    return "".join(parts) if " " in "".join(parts) else ""


# Sentences that fill in words of their own: here with each of those words.
CHOSEN = {
    "it may come ⟨1⟩": ("it may come several times", "it may come once"),
    "items ⟨1⟩": ("items must differ", "items may repeat"),
    "the body is ⟨1⟩ now": ("the body is required now", "the body is optional now"),
    "the member is ⟨1⟩ now": ("the member is required now", "the member is optional now"),
    "the operation takes a body⟨1⟩": ("the operation takes a body", "the operation takes a body that must be sent"),
    "the parameter is ⟨1⟩ now": ("the parameter is required now", "the parameter is optional now"),
    "unknown parameters are ⟨1⟩": ("unknown parameters are refused", "unknown parameters are dropped"),
    "the ⟨1⟩ has no pin to ⟨3⟩": tuple(f"the {one} has no pin to 'x'" for one in ("partner", "application", "plan")),
    "⟨0⟩ can't be ⟨2⟩: it is ⟨4⟩": (
        "a.b can't be unwrapped: it is a list",
        "a.b can't be unwrapped: it is not an object",
    ),
    "⟨0⟩ is changed ⟨2⟩": ("a.b is changed twice", "a.b is changed by coerce and map_value, which contradict"),
    "⟨0⟩ is for ⟨2⟩": ("fill is for requests", "const is for answers"),
    "⟨0⟩ takes ⟨2⟩ value⟨4⟩": ("size takes 1 value", "join takes 2 values"),
    "⟨0⟩ ⟨2⟩": (
        "badges_list takes no body",
        "badges_list takes no JSON: let its body pass, {pass: {types: …, max_bytes: …}}",
    ),
    "⟨0⟩ ⟨2⟩ ⟨4⟩ is not defined⟨6⟩": ("string + integer is not defined",),
    "⟨0⟩ ⟨2⟩⟨3⟩": ("there is no operator 'hide' (there is: select, rename)", "there is no member 'tpe'"),
}


@pytest.mark.parametrize("sentence", sorted({one for some in sentences() for one in CHOSEN.get(some, (some,))}))
def test_what_is_told_of_contracts_has_its_spanish(sentence: str) -> None:
    assert translated(sentence) != sentence


@pytest.mark.parametrize("form", [*AROUND, *ANSWERS, *CONTRACTS])
def test_a_form_fills_in_what_its_english_has(form: str) -> None:
    spanish = {**AROUND, **ANSWERS, **CONTRACTS}[form]
    given = dict.fromkeys(MEMBER.findall(form), "")
    spanish.format(**given)
    assert {name for name in given if f"{{{name}}}" not in spanish} <= {"article", "user", "users", "word", "number"}


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        (
            (
                "the schema has no results.titel: it knows no member 'titel' in results of the answer; "
                'did you mean "results.title"?'
            ),
            (
                "el esquema no tiene results.titel: no conoce ningún miembro 'titel' en results de la respuesta; "
                '¿quisiste decir "results.title"?'
            ),
        ),
        ("this must be a mapping, and is a list", "esto debe ser un mapa, y es una lista"),
        (
            "the version 2026-11-27 is still in use by the route a, the route b, the partner c",
            "la versión 2026-11-27 todavía está en uso por la ruta a, la ruta b, el socio c",
        ),
        (
            (
                "the draft of badges can't be compiled over this document: there is no operator 'a' (at /x/0); "
                "there is no operator 'b' (at /x/1)"
            ),
            (
                "el borrador de badges no se puede compilar sobre este documento: no existe el operador 'a' (en /x/0); "
                "no existe el operador 'b' (en /x/1)"
            ),
        ),
        (
            "Invalid value for '--sunset': 'soon' is neither a duration such as 90d nor a time such as 2026-12-31T00:00:00Z",
            "Valor no válido para '--sunset': 'soon' no es ni una duración como 90d ni un momento como 2026-12-31T00:00:00Z",
        ),
        (
            "the default does not fit page_size: it is of type string, and the schema has integer here",
            "el valor por defecto no encaja en page_size: es de tipo texto, y el esquema tiene aquí entero",
        ),
        (
            "a URL is a text, and the schema has integer or null here",
            "una URL es un texto, y el esquema tiene aquí entero o null",
        ),
        ("'nope.yaml': No such file or directory", "'nope.yaml': no existe el archivo o la carpeta"),
        ("Nobody has put this into words yet.", "Nobody has put this into words yet."),
    ],
)
def test_a_sentence_is_whole_in_spanish(english: str, spanish: str) -> None:
    assert translated(english) == spanish


@pytest.mark.parametrize("separator", [" is of type ", ", which partners see as ", " became ", " ", ": ", "; ", ", "])
def test_names_that_are_made_of_separators_take_no_time(separator: str) -> None:
    before = time.process_time()
    for length in (1_900, 3_900, 1_000_000):
        translated("the schema has no " + separator * (length // len(separator)))
    assert time.process_time() - before < 1


def test_english_stays_as_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_chosen", "en")
    assert words.told("the member is gone") == "the member is gone"
    monkeypatch.setattr(words, "_chosen", "es")
    assert words.told("the member is gone") == "el miembro ya no está"
