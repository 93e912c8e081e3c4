"""`portazgo` as a person at a terminal runs it, and what a refusal must look like."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from portazgo.cli.main import main
from portazgo.roles.parts import portazgo_command

SECONDS = 60


def portazgo(environment: Mapping[str, str], cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        portazgo_command(*words),
        env=dict(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def entered(environment: Mapping[str, str], cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call the entry point as its process would be started."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "stdin", io.StringIO()),
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = main(list(words))
    return subprocess.CompletedProcess(words, int(code), out.getvalue(), err.getvalue())


def assert_refused(done: subprocess.CompletedProcess[str], *sentences: str) -> None:
    """Exit 2, one sentence and what to do, no traceback, nothing on stdout."""
    assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (2, False, ""), done.stderr
    for sentence in sentences:
        assert sentence in done.stderr, done.stderr
    # Logs of what went well before may stand above; the refusal is a line and its remedy.
    said = [line for line in done.stderr.strip().splitlines() if not line.startswith("{")]
    assert [line.startswith("Error: ") for line in said] == [True, False], done.stderr
    assert said[1].startswith("  "), done.stderr
