"""What to do about a refusal is said in the words of whoever types, and in their language."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from portazgo.cli import remedies, words
from portazgo.cli.remedies import remedy_of
from portazgo.roles import demo

ROOT = Path(__file__).resolve().parents[3]


def test_a_refusal_names_the_commands_that_help(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"code": "rotation_pending", "remedy": "say end_retiring and name expected_secret"}
    for language, begins in (("en", "Extend or end its grace"), ("es", "Amplía o termina su plazo")):
        monkeypatch.setattr(words, "_chosen", language)
        assert str(remedy_of(said)).startswith(begins)
        assert "--end-retiring" in str(remedy_of(said))
    assert remedy_of({"code": "of_another_kind", "remedy": "look there"}) == "look there"
    assert remedy_of({"code": "of_another_kind"}) is None


def test_only_refusals_that_exist_have_one() -> None:
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "src" / "portazgo").rglob("*.py"))
    known = set(re.findall(r'code="([a-z_]+)"', sources))
    known |= {f"{thing}_unknown" for thing in re.findall(r'the_one\([^"]*"([a-z_]+)"', sources)}
    assert set(remedies._REMEDIES) <= known


def test_a_demo_that_make_started_names_a_command_that_another_terminal_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = tmp_path / ".venv" / "bin" / "portazgo"
    command.parent.mkdir(parents=True)
    command.touch(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    monkeypatch.setattr(sys, "argv", [".venv/bin/portazgo", "demo"])
    monkeypatch.delenv("MAKELEVEL", raising=False)
    assert demo._own_command() == "portazgo"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert demo._own_command() == ".venv/bin/portazgo"
