"""Where a backend may stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.backends.domain import check_target, check_targets


@pytest.mark.parametrize(
    ("given_target", "kept"),
    [
        ("http://backend:8000", "http://backend:8000"),
        ("http://Backend.internal/", "http://backend.internal:80"),
        ("HTTP://10.0.0.7:80", "http://10.0.0.7:80"),
        ("http://[2001:db8::7]:8000", "http://[2001:db8::7]:8000"),
        ("http://[::1]", "http://[::1]:80"),
        ("https://Backend.internal/", "https://backend.internal:443"),
        ("https://backend.internal:8443", "https://backend.internal:8443"),
    ],
)
def test_a_target_gets_one_spelling(given_target: str, kept: str) -> None:
    assert check_target(given_target) == kept


@pytest.mark.parametrize(
    "target",
    [
        "backend:8000",
        "ftp://backend",
        "http://",
        "http:///api",
        "http://backend/api",
        "http://user@backend",
        "http://backend?x",
        "http://backend#x",
        "http://back end",
        "http://backend:0",
        "http://backend:99999",
        "http://backend:",
        "http://backend:+80",
        "http://::1",
        "http://[::1",
        "http://-backend",
    ],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="is no target"):
        check_target(target)


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        kept = check_target("http://" + text)
    except ValueError:
        return
    assert check_target(kept) == kept


def test_targets_are_not_repeated_and_there_is_one() -> None:
    assert check_targets(["http://a", "http://A:80/"]) == ["http://a:80"]
    with pytest.raises(ValueError, match="1 to 32 targets"):
        check_targets([])
