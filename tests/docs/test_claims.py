"""docs/claims.md names what templates may read and what is ours, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from portazgo.backends.claims import METADATA_PREFIXES, PLAIN_PATHS, RESERVED
from portazgo.signing.domain import DEFAULT_TOKEN_LIFE_SECONDS, TOKEN_LIFE_SECONDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "claims.md").read_text()


def test_the_reference_names_every_path() -> None:
    named = set(re.findall(r"^\| `((?:partner|application|key)\.[a-zA-Z.]+)` \|", PAGE, re.MULTILINE))
    assert named == PLAIN_PATHS | {f"{prefix}NAME" for prefix in METADATA_PREFIXES}


def test_the_reference_names_what_can_t_be_chosen_and_how_long_tokens_live() -> None:
    sentence = next(line for line in PAGE.splitlines() if "can't be chosen" in line)
    assert set(re.findall(r"`([a-z]+)`", sentence)) == RESERVED
    bounds = f"{TOKEN_LIFE_SECONDS.start} to {TOKEN_LIFE_SECONDS.stop - 1} s, default {DEFAULT_TOKEN_LIFE_SECONDS}"
    assert bounds in PAGE
