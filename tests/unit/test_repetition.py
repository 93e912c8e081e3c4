"""A caller decides how many names there are: finding one that stands twice takes one pass."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from portazgo.kit.repetition import first_repeated
from portazgo.plans.domain import Throttle, check_throttles
from portazgo.routes.openapi.reading import read_text
from portazgo.routes.openapi.refused import DocumentRefused

MANY = 30_000
# One pass takes some ten milliseconds; comparing each with each takes ten seconds and more.
SECONDS = 3.0


@pytest.mark.parametrize(("items", "found"), [("", None), ("abc", None), ("abca", "a"), ("abba", "b"), ("aab", "a")])
def test_the_first_that_stood_before_is_found(items: str, found: str | None) -> None:
    assert first_repeated(items) == found


def _document() -> None:
    members = ",".join(f'"m{number}": 1' for number in range(MANY))
    with pytest.raises(DocumentRefused, match=f"'m{MANY - 1}' twice"):
        read_text("{" + members + f', "m{MANY - 1}": 1' + "}")


def _throttles() -> None:
    throttles = [Throttle(f"t{number}", 1, 1) for number in range(MANY)]
    with pytest.raises(ValueError, match=f"two throttles are called 't{MANY - 1}'"):
        check_throttles([*throttles, throttles[-1]])


@pytest.mark.parametrize("refuse", [_document, _throttles])
def test_a_repetition_behind_very_many_is_found_in_one_pass(refuse: Callable[[], None]) -> None:
    started = time.process_time()
    refuse()
    assert time.process_time() - started < SECONDS
