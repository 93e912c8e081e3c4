"""What is read as YAML: documents that are no JSON, and where in a text something stands.

Imported when a document is, and not before: the library takes 5 MB of a control plane that imports one now and then.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from portazgo.routes.openapi.places import steps
from portazgo.routes.openapi.refused import DocumentRefused, too_deep

# YAML is read at about 0.3 MB a second: beyond this a person would wait, and everybody else too.
YAML_BYTES = 2 * 1024**2
CONTAINERS_AT_MOST = 100_000
"""Objects and lists, those that aliases stand for again and again: without aliases no document of this size has more."""
MERGED_AT_MOST = 100_000
"""Members that `<<` brings into objects, counted at each place that they are brought to."""
_LONGEST_INTEGER = 14_000
"""Bits: some 4,200 digits."""
_MERGE = "tag:yaml.org,2002:merge"
# Finding a line means to parse once more; beyond this size the pointer has to do.
_SEARCHED_CHARACTERS = 1024**2


def parse_yaml(text: str, size: int) -> object:
    """Read a document of so many bytes. Raises DocumentRefused."""
    if size > YAML_BYTES:
        raise DocumentRefused(f"the document has {size} bytes of YAML; at most {YAML_BYTES} are read. Give it as JSON")
    try:
        reader = YAML(typ="safe", pure=True)
        reader.Constructor = _Constructor
        tree = reader.load(text)
    except RecursionError:
        raise too_deep("") from None
    except DuplicateKeyError as problem:
        raise DocumentRefused("the document has a member twice in one object", line=_line(problem)) from None
    except MarkedYAMLError as problem:
        raise DocumentRefused(
            f"the document is neither JSON nor YAML: {problem.problem}", line=_line(problem)
        ) from None
    except (YAMLError, ValueError, TypeError, OverflowError) as problem:
        # Impossible dates and unhashable keys come out of the library as Python's own errors.
        raise DocumentRefused(
            f"the document is neither JSON nor YAML: {str(problem).splitlines()[0] if str(problem) else 'unreadable'}"
        ) from None
    if _unfolded(tree) > CONTAINERS_AT_MOST:
        raise DocumentRefused(
            f"the document unfolds to more than {CONTAINERS_AT_MOST} objects and lists: aliases of aliases?"
        )
    return tree


class _Constructor(SafeConstructor):
    """Makes of a text what JSON can say too: OpenAPI asks for no more of YAML."""

    def construct_document(self, node: Any) -> Any:
        """Make the document. Raises DocumentRefused where its merges would make more of it than anybody has written."""
        # While they are made is too late: they double with each line.
        if _merged(node) > MERGED_AT_MOST:
            raise DocumentRefused(f"the document merges more than {MERGED_AT_MOST} members: `<<` of `<<`?")
        return super().construct_document(node)


def _integer(constructor: SafeConstructor, node: Any) -> int:
    """Read an integer. One in hexadecimal digits may be longer than what Python writes in decimal ones."""
    value = int(constructor.construct_yaml_int(node))
    if value.bit_length() > _LONGEST_INTEGER:
        raise DocumentRefused("the document holds a number that is too long to read", line=node.start_mark.line + 1)
    return value


_Constructor.add_constructor("tag:yaml.org,2002:int", _integer)
# A date is a text, as it is in JSON; of bytes, sets and ordered maps there is no such thing.
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
for _tag in ("binary", "omap", "pairs", "set"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_undefined)


def _merged(root: Node) -> int:
    """Count the members that merges bring, no further than past the bound."""
    sizes: dict[int, int] = {}  # of objects, with what is brought into them
    total, waiting, seen = 0, [root], set[int]()
    while waiting and total <= MERGED_AT_MOST:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            waiting += _nodes(node)
            if isinstance(node, MappingNode):
                total += _size(node, sizes) - len(node.value)
    return total


def _size(root: MappingNode, sizes: dict[int, int]) -> int:
    """Count an object's members with those that are brought into it: by merges alone, since objects lie in what they merge."""
    waiting = [(root, False)]
    while waiting:
        node, is_inside_counted = waiting.pop()
        if is_inside_counted:
            brought = sum(sizes[id(one)] for one in _merges(node))
            sizes[id(node)] = len(node.value) + min(brought, MERGED_AT_MOST + 1)
        elif id(node) not in sizes:
            # What merges itself brings itself what it has without that.
            sizes[id(node)] = len(node.value)
            waiting += [(node, True), *((one, False) for one in _merges(node))]
    return sizes[id(root)]


def _merges(node: MappingNode) -> Iterator[MappingNode]:
    for name, value in node.value:
        if name.tag == _MERGE:
            merged = value.value if isinstance(value, SequenceNode) else (value,)
            yield from (one for one in merged if isinstance(one, MappingNode))


def _nodes(node: Node) -> Iterable[Node]:
    if isinstance(node, MappingNode):
        return (one for pair in node.value for one in pair)
    return node.value if isinstance(node, SequenceNode) else ()


def _unfolded(tree: object) -> int:
    """Count objects and lists as whoever walks through the tree meets them. Each is looked at once."""
    counts: dict[int, int] = {}
    waiting = [(tree, False)]
    while waiting:
        node, is_inside_counted = waiting.pop()
        inside = [one for one in _inside(node) if isinstance(one, dict | list)]
        if is_inside_counted:
            counts[id(node)] = 1 + sum(counts[id(one)] for one in inside)
        elif id(node) not in counts:
            # What leads back to itself has no end, and is refused for its depth.
            counts[id(node)] = 0
            waiting += [(node, True), *((one, False) for one in inside)]
    return counts[id(tree)]


def _inside(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _line(problem: MarkedYAMLError) -> int | None:
    return problem.problem_mark.line + 1 if problem.problem_mark else None


def line_of(text: str, pointer: str) -> int | None:
    """Return the line (from 1) where the value of the pointer begins, or that of its nearest known parent; None: unknown.

    JSON is read as YAML here, of which it is a part.
    """
    if not pointer or len(text) > _SEARCHED_CHARACTERS:
        return None
    try:
        node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except (YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(node, Node):
        return None
    line = node.start_mark.line
    for step in steps(pointer):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return int(line) + 1


def _child(node: Node, step: str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == step:
                return name.start_mark.line, value
    elif isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
        value = node.value[int(step)]
        return value.start_mark.line, value
    return None
