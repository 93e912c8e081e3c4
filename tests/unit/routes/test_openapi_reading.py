"""Documents that can be used, and how the others are refused: with the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portazgo.routes.openapi.places import follow, steps
from portazgo.routes.openapi.reading import JSON_BYTES, check_tree, read_text
from portazgo.routes.openapi.refused import DEPTH, DocumentRefused
from portazgo.routes.openapi.yaml import YAML_BYTES, line_of


def document(**members: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, **members}


def refusal(source: str | dict[str, Any]) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as caught:
        read_text(source if isinstance(source, str) else json.dumps(source, indent=2))
    return caught.value


def test_json_and_yaml_give_the_same_tree() -> None:
    yaml = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get: {operationId: on, tags: [NO]}\n"
    tree = read_text(yaml)
    assert tree == read_text(json.dumps(tree))
    assert tree["paths"]["/a"]["get"] == {"operationId": "on", "tags": ["NO"]}


@pytest.mark.parametrize("said", ["2.0", "3.2.0", "3", None, 3.1])
def test_other_versions_are_refused(said: object) -> None:
    refused = refusal(document(openapi=said))
    assert "must be OpenAPI 3.0 or 3.1" in refused.why
    assert (refused.pointer, refused.line) == ("/openapi", 2)


@pytest.mark.parametrize("text", ["", "[]", "3", "just text", "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert refusal(text).why == "the document is not an object"


def test_broken_json_is_refused_with_its_line() -> None:
    refused = refusal('{\n "openapi": "3.1.0",\n "paths": }\n')
    assert refused.line == 3
    assert "not JSON" in refused.why


def test_broken_yaml_is_refused_with_its_line() -> None:
    assert refusal("openapi: 3.1.0\npaths:\n  /a: [\n").line == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"openapi": "3.1.0", "paths": {"/a": {}, "/a": {}}}', None),
        ("openapi: 3.1.0\npaths:\n  /a: {}\n  /a: {}\n", 4),
    ],
)
def test_a_member_given_twice_is_refused(text: str, line: int | None) -> None:
    refused = refusal(text)
    assert "twice" in refused.why
    assert refused.line == line


def test_huge_documents_are_refused_unread() -> None:
    assert "at most" in refusal("{" + " " * JSON_BYTES + "}").why
    assert "Give it as JSON" in refusal("a: " + "x" * YAML_BYTES).why


@pytest.mark.parametrize("levels", [DEPTH + 1, 100_000])
def test_deep_documents_are_refused(levels: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = '{"openapi": "3.1.0", "x-deep": ' + opening * levels + "1" + closing * levels + "}"
        assert "levels deep" in refusal(text).why


def test_deep_yaml_is_refused() -> None:
    assert "levels deep" in refusal("openapi: 3.1.0\nx-deep: " + "[" * 5000 + "]" * 5000).why


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert "too long" in refusal('{"openapi": "3.1.0", "x": ' + "9" * 10_000 + "}").why


def aliased(levels: int) -> str:
    lines = ["openapi: 3.1.0", "x-0: &a0 [1, 1]"]
    lines += [f"x-{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_that_would_explode_are_refused() -> None:
    # Whoever walks through the tree would meet what they stand for each time.
    refused = refusal(aliased(40))
    assert refused.why == "the document unfolds to more than 100000 objects and lists: aliases of aliases?"
    assert read_text(aliased(8))["openapi"] == "3.1.0"


def merging(levels: int) -> str:
    lines = ["openapi: 3.1.0", "x-0: &a0 {one: 1, two: 2, three: 3}"]
    lines += [f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(lines)


def test_merges_that_would_explode_are_refused() -> None:
    # Each line doubles what the one before it has brought: forty would take days.
    assert refusal(merging(40)).why == "the document merges more than 100000 members: `<<` of `<<`?"
    assert read_text(merging(8))["x-7"] == {"one": 1, "two": 2, "three": 3}
    wide = f"openapi: 3.1.0\nx-0: &a {{{', '.join(f'k{n}: 1' for n in range(2000))}}}\nx-1: {{<<: [{'*a, ' * 60}]}}"
    assert "merges more than" in refusal(wide).why


def test_merges_of_what_they_lie_in_are_counted_too() -> None:
    levels = 40
    opened = "".join(f", x{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]" for n in range(1, levels))
    assert "merges more than" in refusal(f"openapi: 3.1.0\nx-0: &a0 {{one: 1{opened}{'}' * levels}").why
    assert read_text("openapi: 3.1.0\nx-own: &own {<<: *own, a: 1}")["x-own"] == {"a": 1}


def test_yaml_says_what_json_can_say() -> None:
    tree = read_text("openapi: 3.1.0\nx-a: [2026-11-26, 2026-11-26T15:37:12Z, 12:30, 0x1F, 1.5]\n")
    assert tree["x-a"] == ["2026-11-26", "2026-11-26T15:37:12Z", "12:30", 31, 1.5]
    for value in ("!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!python/name:os.system"):
        refused = refusal(f"openapi: 3.1.0\nx-a: {value}\n")
        assert ("could not determine a constructor" in refused.why, refused.line) == (True, 2), value


def test_what_leads_back_to_itself_is_read_as_far_as_it_ends() -> None:
    assert read_text("openapi: 3.1.0\nx-own: &own {inside: *own}")["openapi"] == "3.1.0"


def test_a_reference_out_of_the_document_is_refused_with_its_place() -> None:
    refused = refusal(document(components={"schemas": {"A": {"$ref": "https://other.example/a.json#/A"}}}))
    assert "leads out of the document" in refused.why
    assert refused.pointer == "/components/schemas/A/$ref"
    assert refused.line == 11


def test_a_reference_to_nothing_is_refused_with_its_place() -> None:
    refused = refusal(
        document(paths={"/a~b/{c}": {"get": {"responses": {"200": {"$ref": "#/components/responses/Gone"}}}}})
    )
    assert "leads nowhere" in refused.why
    assert refused.pointer == "/paths/~1a~0b~1{c}/get/responses/200/$ref"
    assert refused.line == 12


@pytest.mark.parametrize("size", [1, 2, 7])
def test_references_in_a_circle_are_refused(size: int) -> None:
    schemas = {f"S{n}": {"$ref": f"#/components/schemas/S{(n + 1) % size}"} for n in range(size)}
    refused = refusal(document(components={"schemas": schemas}))
    assert "goes in a circle" in refused.why
    assert refused.pointer.startswith("/components/schemas/S")


def test_references_to_references_are_followed_so_far_and_no_further() -> None:
    def chain(length: int) -> dict[str, Any]:
        schemas = {f"S{n}": {"$ref": f"#/components/schemas/S{n + 1}"} for n in range(length)}
        return document(components={"schemas": {**schemas, f"S{length}": {"type": "string"}}})

    assert read_text(json.dumps(chain(16)))
    assert "through more than 16 others" in refusal(chain(18)).why


def test_a_schema_that_contains_itself_is_sound() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    assert read_text(json.dumps(document(components={"schemas": {"Tree": tree}})))


def test_references_in_examples_are_data() -> None:
    assert check_tree(
        document(
            components={"schemas": {"A": {"example": {"$ref": "http://x"}, "properties": {"$ref": {"type": "string"}}}}}
        )
    )


def test_a_property_called_default_is_a_schema() -> None:
    with pytest.raises(DocumentRefused, match="leads nowhere"):
        check_tree(document(components={"schemas": {"A": {"properties": {"default": {"$ref": "#/gone"}}}}}))


def test_anchors_of_openapi_3_1_are_known() -> None:
    schemas = {"A": {"$anchor": "here", "type": "string"}, "B": {"$ref": "#here"}}
    assert check_tree(document(components={"schemas": schemas}))
    schemas["B"] = {"$ref": "#there"}
    with pytest.raises(DocumentRefused, match="leads nowhere"):
        check_tree(document(components={"schemas": schemas}))


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.just("$ref"), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(json_trees)
def test_any_tree_is_read_or_refused(tree: object) -> None:
    for candidate in (tree, {"openapi": "3.0.0", "paths": tree}):
        try:
            read_text(json.dumps(candidate))
        except DocumentRefused as refused:
            assert refused.why


@settings(max_examples=200)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "openapi: 3.0.0\n" + text, '{"openapi": "3.0.0", ' + text):
        try:
            read_text(candidate)
        except DocumentRefused as refused:
            assert refused.why


@given(st.lists(st.text(max_size=5), max_size=4))
def test_pointers_lead_back_to_what_they_were_made_from(names: list[str]) -> None:
    from portazgo.routes.openapi.places import escape

    tree: Any = "leaf"
    for name in reversed(names):
        tree = {name: tree}
    pointer = "".join("/" + escape(name) for name in names)
    assert steps(pointer) == names
    assert follow(tree, pointer) == "leaf"


def test_a_line_is_found_in_both_languages() -> None:
    yaml = "a:\n  b:\n    - x\n    - c: 1\n"
    assert line_of(yaml, "/a/b/1/c") == 4
    assert line_of(json.dumps({"a": {"b": ["x", {"c": 1}]}}, indent=1), "/a/b/1/c") == 6
    assert line_of(yaml, "/a/b/9") == 2
    assert line_of("a: [", "/a") is None
