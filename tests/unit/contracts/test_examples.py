"""Examples of calls, put through contracts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_contract import made_contract

from portazgo.contracts.examples.files import ExamplesInvalid, read_examples
from portazgo.contracts.examples.running import Example, compare, put_through, run
from portazgo.contracts.examples.trees import Difference, differences


class Replacing:
    """Stands for the data plane: gives every body out with one text in place of another."""

    def __init__(self, old: bytes, new: bytes, refuses: bytes = b"refuse me") -> None:
        self._old, self._new, self._refuses = old, new, refuses

    def project(self, program: bytes, root: int, body: bytes, /) -> bytes:
        assert root == 0
        if self._refuses in body:
            raise ValueError("type", 7, "/id")
        # Two versions differ by their programs: this one says whether it is the newer.
        return body.replace(self._old, b"newer" if b"NEWER" in program else self._new)

    def rewrite(self, program: bytes, root: int, body: bytes, values: bytes, /) -> bytes:
        assert (root, json.loads(program)["depth"]) == (0, 64)
        if self._refuses in body:
            raise ValueError('[{"pointer": "/label"}]')
        return body.replace(self._old, json.loads(values).get("word", "none").encode())


ENGINE = Replacing(b"title", b"label")


def example(status: int | None, given: bytes, expected: bytes | None = None, **words: object) -> Example:
    return replace(Example("show-badge" if status else "create-badge", status, given, expected), **words)  # type: ignore[arg-type]


def test_an_example_that_comes_out_as_written_passes() -> None:
    result = run(example(200, b'{"title": 1.10, "a": 1}', b'{"a":1,"label":1.10}'), made_contract(), ENGINE)
    assert (result.failed, result.differences, result.passed.body) == (False, [], b'{"label": 1.10, "a": 1}')


def test_what_differs_is_told_field_by_field() -> None:
    result = run(example(200, b'{"title": 1.1, "b": [1, 2]}', b'{"label":1.10,"b":[1]}'), made_contract(), ENGINE)
    assert result.failure == "2 fields differ"
    assert result.differences == [Difference("/label", "1.10", "1.1"), Difference("/b/1", None, "2")]
    assert run(example(200, b'{"title": 1}', b'{"label":2}'), made_contract(), ENGINE).failure == "1 field differs"


def test_a_route_that_the_contract_lacks_is_told_with_the_nearest() -> None:
    sentence = "the contract has no route show-badges; did you mean show-badge?"
    assert run(example(200, b"1", route="show-badges"), made_contract(), ENGINE).failure == sentence


def test_a_refusal_is_a_failure_unless_it_is_what_was_written_down() -> None:
    refused = example(200, b'"refuse me"', b"1")
    assert run(refused, made_contract(), ENGINE).failure == "the answer does not fit: type at /id (byte 7)"
    assert not run(replace(refused, expected=None, refused=True), made_contract(), ENGINE).failed
    passed = run(example(200, b"1", refused=True), made_contract(), ENGINE)
    assert passed.failure == "it passed, and should have been refused"


def test_requests_read_their_values() -> None:
    asked = example(None, b'{"a": "title"}', b'{"a": "gold"}', values=b'{"word": "gold"}')
    assert not run(asked, made_contract(), ENGINE).failed
    assert run(example(None, b'"refuse me"', b"1"), made_contract(), ENGINE).failure == '[{"pointer": "/label"}]'


def test_what_a_contract_does_not_look_into_can_not_be_tried() -> None:
    routes = made_contract().routes
    for name, status in (("show-badge", 404), ("show-badge", 500), ("badge-image", 204), ("badge-image", None)):
        assert put_through(routes[name], status, b"1", ENGINE).body is None
    assert run(example(200, b"1", route="nobody"), made_contract(), ENGINE).failed


def test_two_versions_are_compared_on_one_body() -> None:
    old, new = made_contract(), made_contract()
    show = new.routes["show-badge"]
    newer = replace(show, wire={**show.wire, "program": {"nodes": ["NEWER"]}})
    example = Example("show-badge", 200, b'{"title": {"x": [1]}}')
    compared = compare(run(example, replace(new, routes={"show-badge": newer}), ENGINE), old, ENGINE)
    assert compared.differences == [Difference("/label", '{"x":[1]}', None), Difference("/newer", None, '{"x":[1]}')]
    without = run(Example("show-badge", 200, b'"title"'), replace(new, routes={}), ENGINE)
    gone = compare(without, old, ENGINE)
    assert gone.differences == [Difference("", '"label"', None)]
    assert without.failure == "the contract has no route show-badge"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(TREES, TREES)
def test_documents_differ_exactly_when_their_values_do(one: object, two: object) -> None:
    texts = [json.dumps(tree).encode() for tree in (one, two)]
    # 1 and true are equal for Python, and not for JSON.
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (differences(*texts) == []) == same
    there = {(one.pointer, one.before, one.after) for one in differences(*texts)}
    back = {(one.pointer, one.after, one.before) for one in differences(*reversed(texts))}
    assert there == back


def test_a_number_differs_by_how_it_is_written() -> None:
    assert differences(b"1234567890123456789", b"1234567890123456788") == [
        Difference("", "1234567890123456789", "1234567890123456788")
    ]
    assert differences(b'"1"', b"1") == [Difference("", '"1"', "1")]
    with pytest.raises(ValueError, match="NaN"):
        differences(b"NaN", b"1")
    for levels in (2_000, 100_000):
        deep = b"[" * levels + b"]" * levels
        with pytest.raises(ValueError, match="nested too deeply"):
            differences(deep, deep.replace(b"[]", b"[1]"))


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_examples_are_read_from_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "badges/show-badge/200.backend.json": "1",
            "badges/show-badge/200.partner.json": "2",
            "badges/show-badge/200-bad.backend.json": "3",
            "badges/show-badge/200-bad.refused.json": "",
            "badges/create-badge/request-gold.partner.json": "4",
            "badges/create-badge/request-gold.values.json": "{}",
        },
    )
    assert read_examples(tmp_path) == {
        "badges": [
            Example("create-badge", None, b"4", name="request-gold"),
            Example("show-badge", 200, b"3", refused=True, name="200-bad"),
            Example("show-badge", 200, b"1", b"2", name="200"),
        ]
    }


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"c/r/200.json": "1"}, r"200\.json is no example"),
        ({"c/r/ok.backend.json": "1"}, r"ok\.backend\.json is no example"),
        ({"c/r/200.partner.json": "1"}, r"200\.backend\.json is missing"),
        ({"c/r/request.backend.json": "1"}, r"request\.partner\.json is missing"),
        ({"c/r/200.backend.json": "1", "c/r/200.values.json": "1"}, "only requests"),
        ({"c/r/200.backend.json": "1", "c/r/200.partner.json": "1", "c/r/200.refused.json": ""}, "to be refused"),
        ({"c/r/200.backend.json": "1" * (1024**2 + 1)}, "more than"),
    ],
)
def test_a_file_that_is_no_example_is_named(tmp_path: Path, files: dict[str, str], named: str) -> None:
    write(tmp_path, files)
    with pytest.raises(ExamplesInvalid, match=named):
        read_examples(tmp_path)
