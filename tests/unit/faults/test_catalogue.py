"""The fault catalogue keeps its promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portazgo.faults.catalogue import CatalogueInvalid, Fault, Sentences, by_code, catalogue, check
from portazgo.faults.generate import PROJECT, main, outputs

WAYS_IN_WHICH_A_KEY_IS_INVALID = {"key_malformed", "key_unknown", "key_expired", "key_revoked", "key_disabled"}


def test_the_catalogue_obeys_its_own_rules() -> None:
    check(catalogue())


def test_an_invalid_key_never_says_why() -> None:
    assert {fault.code for fault in catalogue() if fault.public_code == "key_invalid"} == WAYS_IN_WHICH_A_KEY_IS_INVALID
    faces = {(by_code()[code].status, by_code()[code].partner) for code in WAYS_IN_WHICH_A_KEY_IS_INVALID}
    assert faces == {(401, "The API key is not valid.")}


@pytest.mark.parametrize("fault", catalogue(), ids=lambda fault: fault.code)
def test_each_fault_speaks_both_languages_in_whole_sentences(fault: Fault) -> None:
    english, spanish = fault.sentences("en"), fault.sentences("es")
    for sentences in (english, spanish):
        for text in (sentences.partner, sentences.operator, sentences.next_step):
            assert text.endswith(".")
            assert text == text.strip()
    assert english != spanish


@pytest.mark.parametrize("fault", catalogue(), ids=lambda fault: fault.code)
def test_each_status_is_that_of_a_failure(fault: Fault) -> None:
    assert 400 <= fault.status <= 599
    assert fault.code == fault.code.lower()


def test_a_reader_gets_the_sentences_of_one_language() -> None:
    assert by_code()["key_revoked"].sentences("es") == Sentences(
        partner="La clave de API no es válida.",
        operator="La clave fue revocada.",
        next_step="Emite una clave nueva si el partner debe continuar.",
    )


def test_a_number_that_was_taken_is_refused() -> None:
    first, second = catalogue()[:2]
    with pytest.raises(CatalogueInvalid, match="ids have no gaps"):
        check((first, replace(second, id=first.id)))


def test_a_code_that_stands_twice_is_refused() -> None:
    first, second = catalogue()[:2]
    with pytest.raises(CatalogueInvalid, match="stands twice"):
        check((first, replace(second, code=first.code)))


def test_a_401_that_would_tell_the_reason_is_refused() -> None:
    telling = tuple(
        replace(fault, partner="The key was revoked.") if fault.code == "key_revoked" else fault
        for fault in catalogue()
    )
    with pytest.raises(CatalogueInvalid, match="differ in what a partner sees"):
        check(telling)


def test_our_own_faults_can_not_be_made_billable() -> None:
    first = replace(catalogue()[0], billable=True)
    with pytest.raises(CatalogueInvalid, match="billable"):
        check((first,))


def test_generated_files_are_fresh() -> None:
    stale = [str(path.relative_to(PROJECT)) for path, text in outputs().items() if path.read_text("utf-8") != text]
    assert stale == []
    assert main(["--check"]) == 0


def test_every_fault_has_an_anchor_in_the_documentation() -> None:
    page = (PROJECT / "docs/faults.md").read_text("utf-8")
    assert [code for code in by_code() if f"\n### {code}\n" not in page] == []
