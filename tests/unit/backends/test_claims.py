"""What a claims template may say, and what becomes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.backends.claims import MissingValue, check_claims, fill_claims, parse_template, reads_key
from portazgo.kit.templates import Path

VALUES = {
    "partner.id": "0190-p",
    "partner.name": "norte",
    "partner.metadata.tier": 3,
    "partner.metadata.beta": True,
    "application.id": "0190-a",
    "application.environment": "live",
    "key.scopes": ["read", "write"],
}
literals = st.text(alphabet=st.characters(exclude_characters="{}"), max_size=10)


def test_a_single_path_keeps_the_type_of_its_value() -> None:
    claims = {"tier": "{partner.metadata.tier}", "beta": "{partner.metadata.beta}", "scopes": "{key.scopes}"}
    assert fill_claims(claims, VALUES) == {"tier": 3, "beta": True, "scopes": ["read", "write"]}


def test_other_text_is_put_together() -> None:
    claims = {
        "sub": "partner:{partner.name}/{application.environment}",
        "t": "t{partner.metadata.tier}{partner.metadata.beta}",
        "e": "",
    }
    assert fill_claims(claims, VALUES) == {"sub": "partner:norte/live", "t": "t3true", "e": ""}


def test_what_is_no_text_is_constant() -> None:
    claims = {"roles": ["{partner.name}"], "version": 2, "none": None}
    assert fill_claims(check_claims(claims), VALUES) == claims


def test_a_missing_value_is_refused_and_named() -> None:
    with pytest.raises(MissingValue) as caught:
        fill_claims({"tenant": "x-{partner.metadata.tenant}"}, VALUES)
    assert (caught.value.claim, caught.value.path) == ("tenant", "partner.metadata.tenant")


@pytest.mark.parametrize("name", ["iss", "aud", "iat", "nbf", "exp", "jti"])
def test_claims_that_the_gateway_sets_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"the claim {name} is set by the gateway"):
        check_claims({name: 1})


@pytest.mark.parametrize("value", ["\0", "{partner.name}\0", ["a", {"b": ["c\0"]}], {"a\0": 1}])
def test_what_no_database_stores_is_refused_wherever_it_stands(value: object) -> None:
    with pytest.raises(ValueError, match=r"the claim 'x' holds U\+0000"):
        check_claims({"x": value})


def test_the_spelling_of_what_no_database_stores_is_text_like_any_other() -> None:
    assert check_claims({"x": "\\u0000"}) == {"x": "\\u0000"}


def test_a_name_that_no_database_stores_is_refused() -> None:
    with pytest.raises(ValueError, match=r"holds U\+0000"):
        check_claims({"x\0": 1})


def test_the_subject_may_be_chosen() -> None:
    assert check_claims({"sub": "{partner.id}"}) == {"sub": "{partner.id}"}


@pytest.mark.parametrize(
    "text", ["{partner}", "{partner.metadata.}", "{key.secret}", "{}", "{partner.name", "a{b}c", "{ partner.id }"]
)
def test_what_is_no_path_is_refused_with_the_claim(text: str) -> None:
    with pytest.raises(ValueError, match="the claim who: "):
        check_claims({"who": text})


@pytest.mark.parametrize(
    "claims", [{"x": "y" * 5000}, {"x": float("nan")}, {f"c{number}": 1 for number in range(51)}, {"": 1}]
)
def test_claims_that_no_token_can_carry_are_refused(claims: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"claim"):
        check_claims(claims)


def test_reading_the_key_binds_the_token_to_it() -> None:
    assert reads_key({"k": "id-{key.kid}"})
    assert not reads_key({"k": "{partner.id}", "l": ["{key.kid}"]})


@given(st.lists(st.one_of(literals, st.sampled_from([Path(path) for path in VALUES])), max_size=8))
def test_a_template_reads_back_as_the_pieces_it_was_written_from(pieces: list[str | Path]) -> None:
    text = "".join(piece if isinstance(piece, str) else f"{{{piece.text}}}" for piece in pieces)
    again = "".join(piece if isinstance(piece, str) else f"{{{piece.text}}}" for piece in parse_template(text))
    assert again == text
    assert [piece for piece in parse_template(text) if isinstance(piece, Path)] == [
        p for p in pieces if isinstance(p, Path)
    ]


@given(st.text())
def test_any_text_is_a_template_or_refused_with_a_sentence(text: str) -> None:
    try:
        pieces = parse_template(text)
    except ValueError as problem:
        assert str(problem)
    else:
        assert all(isinstance(piece, str | Path) for piece in pieces)
