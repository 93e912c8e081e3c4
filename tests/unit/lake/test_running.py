"""A child that writes the lake runs our code only, and knows of our environment what the store needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from portazgo.lake.running import COMMAND, Children, LakeFailed
from portazgo.settings import load

TELLS = "import json, os, sys; sys.stdin.readline(); print(json.dumps({'environment': dict(os.environ), 'cwd': os.getcwd()}))"


def test_a_child_gets_what_the_store_needs_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAZGO_STATE_URL", "postgresql://portazgo:word@127.0.0.1/portazgo")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    settings = load({"data_dir": str(tmp_path)}, environment={}, file=tmp_path / "absent.yaml")
    told = Children(settings, command=[sys.executable, "-I", "-c", TELLS]).carry_out({})
    known = set(told["environment"])
    assert {"AWS_REGION", "https_proxy", "PORTAZGO_PARENT_PID"} <= known
    assert not {"PORTAZGO_STATE_URL", "PYTHONPATH"} & known
    assert told["cwd"] == "/"
    assert "-I" in COMMAND


def test_nothing_that_lies_in_the_working_directory_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('this is not json')")
    (tmp_path / "portazgo").mkdir()
    (tmp_path / "portazgo" / "__init__.py").write_text("raise SystemExit('this is not portazgo')")
    monkeypatch.chdir(tmp_path)
    settings = load({"data_dir": "data"}, environment={}, file=tmp_path / "absent.yaml")
    children = Children(settings)
    # A merge of no files ends for want of them: it was our program that said so, in the folder of these settings.
    with pytest.raises(LakeFailed, match="process that writes the lake") as failed:
        children.carry_out({"do": "merge", "name": "lake/none", "files": [], "left_out": []})
    assert "this is not" not in str(failed.value)
    assert (tmp_path / "data" / "scratch").is_dir()
