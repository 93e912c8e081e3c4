"""What a node tells of an answer: without its values, and how it differs from its schema; and of a request without values.

The input: a line with what is expected, a line with the contract's own words, and the answer. A digit stands for one of the
expectations below, else the line is JSON; an answer that begins with a tab stands for a document, byte for byte: so most are
well formed. An `r` before the first line makes it a request, by one of the programs below, or by one in JSON. Into every
value, and into every name, a needle is planted that nobody's document has. It never comes out, nothing that does is larger
than it may be, and redacting again changes nothing; what is left of a request passes as the request did. Run by
scripts/fuzz.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports():
    from portazgo.contracts.drift.expectation import Expectation, Row, read_expectation
    from portazgo.contracts.drift.finding import FINDINGS_AT_MOST, LONGEST_PATH, findings, still_stands
    from portazgo.contracts.drift.merging import FINDINGS_OF_ONE, Merged
    from portazgo.contracts.drift.reading import NotJson, read_answer
    from portazgo.contracts.recording.forms import LARGEST_BYTES, NotRecorded
    from portazgo.contracts.recording.redacting import Known, read_known, redact
    from portazgo.contracts.recording.requests import Rules, read_rules, redact_request

from portazgo import _native

STATUS = 200
NEEDLE, DIGITS = "zQneedleQz", "7313731373137313"
STRING, NUMBER, OBJECT = (frozenset({kind}) for kind in ("string", "number", "object"))
MEMBERS = {"id": (1, True), "state": (2, False), "labels": (3, False), "tags": (4, False), "free": (5, False)}
EXPECTED = (
    Expectation(
        (
            Row(OBJECT, MEMBERS),
            Row(NUMBER),
            Row(STRING, words=frozenset({'"open"', "3"})),
            Row(OBJECT, others=2),
            Row(frozenset({"array"}), items=0),
            Row(frozenset({"object", "string", "null"})),
        ),
        {"200": 0},
    ),
    # Of itself, by items and by members: documents of any depth.
    Expectation((Row(frozenset({"array", "object"}), {"a": (0, True)}, 0, 0),), {"2XX": 0}),
    Expectation((Row(frozenset()),), {"default": 0}),
    Expectation((), {"200": None}),
)
TEXT: list[dict[str, Any]] = [
    {"string": True},
    {"string": {"pattern": "^[A-Z]{2}-[0-9]{4}$"}},
    {"string": {"pattern": "^(open|closed)$", "max_length": 60}},
    {"string": {"enum": ["open", "closed"], "map": [["open", 1], ["closed", 2]]}},
    {"string": {"format": "date"}, "number": {"min": "2.5", "below": "1000", "multiple_of": "0.5"}, "null": True},
    {"string": {"min_length": 3}, "integer": True, "boolean": {"enum": [False]}},
]
PROGRAMS = (
    Rules(
        0,
        {
            "nodes": [
                {
                    "object": {
                        "members": [{"in": name, "node": 2 + place, "out": name} for place, name in enumerate(MEMBERS)],
                        "unknown": 1,
                    }
                },
                {
                    "one_of": {
                        "discriminator": None,
                        "variants": [{"value": None, "node": 7}, {"value": None, "node": 8}],
                    }
                },
                *TEXT,
                {"array": {"items": 0, "unique": True}, "object": {"members": [], "unknown": 1}, "any": False},
            ],
            "depth": 64,
        },
    ),
    Rules(0, {"nodes": [{"any": True}], "depth": 64}),
    Rules(0, {"nodes": [{"array": {"items": 0, "max": 30}, "object": {"members": [], "unknown": 0}}], "depth": 30}),
)
DEEPEST = 40
MOST_JUDGED = 5
NAMES = (*MEMBERS, "a", "*1", "*", "", "a.b", "ann@example.com", "\ue0001", "x" * 50, *(f"new{n}" for n in range(20)))
SCALARS = (None, True, False, 0, 1, -1, 0.5, 1e300, -0.0)
TEXTS = (
    *("", "open", "closed", "true", "1", "-0", "1.50", "1e5", "\ue0001", "\x00", "é", "\ud800", "x" * 60, "y" * 1100),
    *("2026-11-26", "2026-02-30", "2026-11-26T15:37:12.25+01:00", "7f0d6f0e-8f5b-4a6f-9a3c-3f7e8a1f2b3c", "a@b.cd"),
    *("http://backend:8000/api/things/ann/?x", "/api/things/{id}/", "https://a.test/x", "12345678901234567890123456"),
)
WORDS = Known(frozenset({'"closed"', "1", "true"}), ("/api/things/{id}/", "/{a}/{b}"), ("http://backend:8000", ""))


def expectation_of(line: bytes) -> Expectation | None:
    """What is expected; None: nodes refuse it."""
    if line[:1].isdigit() and len(line) == 1:
        return EXPECTED[int(line) % len(EXPECTED)]
    try:
        return read_expectation(json.loads(line))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def words_of(line: bytes) -> Known:
    """The contract's own words. Every program knows URLs without an address, too."""
    try:
        told = read_known(json.loads(line))
        return replace(told, prefixes=(*told.prefixes, ""))
    except (ValueError, TypeError, KeyError, RecursionError):
        return WORDS


def document_of(data: Iterator[int], depth: int = 0) -> Any:
    """A document that bytes stand for."""
    byte = next(data, 0)
    number = byte // 8
    match byte % 8 if depth < DEEPEST else byte % 4:
        case 0:
            return SCALARS[number % len(SCALARS)]
        case 1 | 2:
            return TEXTS[number % len(TEXTS)] * (1 + next(data, 0) % 3)
        case 3:
            return number * 10 ** (next(data, 0) % 30)
        case 4:
            return [document_of(data, depth + 1) for _ in range(number % 6)]
        case _:
            return {NAMES[next(data, 0) % len(NAMES)]: document_of(data, depth + 1) for _ in range(number % 24)}


def texts(value: object) -> Iterator[str]:
    """All texts of a JSON document, its names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def names_of(value: object) -> Iterator[str]:
    """All names of a JSON document."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from value
    for inner in inside:
        yield from names_of(inner)


def planted(value: Any, number: int = 0) -> Any:
    """The same document with a needle in each text and each number: at the end, at the beginning or in the middle."""
    match value:
        case str():
            at = (0, len(value) // 2, len(value))[(len(value) + number) % 3]
            return value[:at] + NEEDLE + value[at:]
        case bool() | None:
            return value
        case int():
            return int(f"{str(value)[:20]}{DIGITS}")
        case float():
            return float(f"0.{DIGITS}")
        case list():
            return [planted(inner, place) for place, inner in enumerate(value)]
        case _:
            return {name: planted(inner, place) for place, (name, inner) in enumerate(value.items())}


def renamed(value: Any) -> Any:
    """The same document with a needle in each name, none of which anybody would have chosen."""
    if isinstance(value, list):
        return [renamed(inner) for inner in value]
    if isinstance(value, dict):
        return {f"{name}a@{NEEDLE}": renamed(inner) for name, inner in value.items()}
    return value


def recorded(expectation: Expectation, words: Known, body: bytes) -> str | None:
    """What is recorded of an answer, after what holds of every one was looked at. None: nothing is."""
    try:
        told = redact(expectation, words, STATUS, body)
    except NotRecorded:
        return None
    assert len(told) <= LARGEST_BYTES
    json.loads(told)
    assert redact(expectation, words, STATUS, told.encode()) == told
    return told


def rules_of(line: bytes) -> Rules | None:
    """By what a request loses its values; None: nodes refuse it."""
    if line.isdigit() and len(line) == 1:
        return PROGRAMS[int(line) % len(PROGRAMS)]
    try:
        rules = read_rules(json.loads(line))
        _native.check_program("request", json.dumps(rules.program).encode())
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return rules if rules.root in range(len(rules.program["nodes"])) else None


def requested(rules: Rules, body: bytes) -> str | None:
    """What is recorded of a request, after what holds of every one was looked at. None: nothing is."""
    try:
        told = redact_request(rules, body, _native)
    except NotRecorded:
        return None
    assert len(told) <= LARGEST_BYTES
    _native.rewrite(json.dumps(rules.program).encode(), rules.root, told.encode(), b"{}")
    assert redact_request(rules, told.encode(), _native) == told
    return told


def one_request(rules: Rules, body: bytes) -> None:
    """Look at one request as it came, and at it with needles in its values and names."""
    requested(rules, body)
    try:
        whole = json.loads(body.decode())
        needled = [json.dumps(planted(one)).encode() for one in (whole, renamed(whole))]
    except (ValueError, RecursionError, OverflowError):
        return
    own = (*texts(rules.written()), *texts(list(names_of(whole))), json.dumps(rules.written()))
    if is_said(NEEDLE, *own) or is_said(DIGITS, *own):
        return
    for one in needled:
        told = requested(rules, one) or ""
        assert not is_said(NEEDLE, told), told
        assert not is_said(DIGITS, told), told


def compared(expectation: Expectation, body: bytes) -> list[str]:
    """What is told of an answer in comparison with its schema."""
    try:
        document, cut = read_answer(body)
    except NotJson:
        return []
    found = findings(expectation, STATUS, document, cut=cut)
    merged = Merged()
    merged.add(found, 0)
    assert len(found) <= FINDINGS_AT_MOST
    assert len(merged.seen) <= FINDINGS_OF_ONE
    for finding in (*found, *merged.seen):
        assert len(finding.path) <= LONGEST_PATH
        assert finding.path.isprintable()
    # By the document that it was found by, it is not as that one says.
    assert all(still_stands(finding, STATUS, expectation) for finding in sorted(found)[:MOST_JUDGED])
    return [f"{one.kind} {one.path} {one.found} {one.expected}" for one in (*found, *merged.seen)]


def is_said(needle: str, *told: str) -> bool:
    """Whether somebody's own document says it."""
    return any(needle in text for text in told)


def one_input(data: bytes) -> None:
    """Look at one answer as it came, and at it with needles in its values and names."""
    expected, _, rest = data.partition(b"\n")
    said, _, body = rest.partition(b"\n")
    if body.startswith(b"\t"):
        body = json.dumps(document_of(iter(body[1:]))).encode()
    if expected.startswith(b"r"):
        rules = rules_of(expected[1:])
        if rules is not None:
            one_request(rules, body)
        return
    expectation, words = expectation_of(expected), words_of(said)
    if expectation is None:
        return
    recorded(expectation, words, body)
    compared(expectation, body)
    try:
        whole = json.loads(body.decode())
        needled = [json.dumps(planted(one)).encode() for one in (whole, renamed(whole))]
    except (ValueError, RecursionError, OverflowError):
        return
    # What the operator's own documents say, or the answer's names, may come out.
    own = (*texts([expectation.written(), words.written()]), *texts(list(names_of(whole))))
    if is_said(NEEDLE, *own) or is_said("7313", *own):
        return
    for one in needled:
        told = [recorded(expectation, words, one) or "", *compared(expectation, one)]
        told += compared(expectation, one[: len(one) * 2 // 3])
        assert not is_said(NEEDLE, *told), told
        assert not is_said("7313", *told), told


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
