"""The command line answers at once, and its commands are whole: each is there, explains itself, and knows its siblings."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path

import click
import pytest

from portazgo._native import SOURCE_DIGEST, VERSION
from portazgo.cli.main import main, portazgo
from portazgo.cli.registry import COMMANDS

HEAVY = {"django", "ninja", "pydantic", "urllib3", "rich", "ruamel", "cryptography", "portazgo.settings"}
AT_ONCE = {
    "help": ("--help",),
    "version": ("version",),
    "help of a noun": ("partner", "--help"),
    "help of a verb": ("key", "revoke", "--help"),
    "completion script": ("completion", "bash"),
}
STATED_SECONDS = 0.1
# On a machine that does other things too; benchmarks assert the figure itself.
NOISE = 5
ROUNDS = 5


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as the installed script does."""
    program = "import sys; from portazgo.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Give the modules that a run imported."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("words", AT_ONCE.values(), ids=AT_ONCE)
def test_what_needs_no_control_plane_imports_none_of_its_parts(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert len(imported(done)) > 30
    assert imported(done) & HEAVY == set()


@pytest.mark.parametrize(
    ("typed", "position", "offered"),
    [("portazgo pa", 1, "partner"), ("portazgo key re", 2, "revoke"), ("portazgo key revoke --wa", 3, "--wait")],
)
def test_the_shell_completes_commands_verbs_and_options_at_once(typed: str, position: int, offered: str) -> None:
    done = run(_PORTAZGO_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(position))
    assert f"plain,{offered}" in done.stdout.splitlines()
    assert imported(done) & HEAVY == set()


@pytest.mark.parametrize("words", AT_ONCE.values(), ids=AT_ONCE)
def test_the_best_of_a_few_starts_is_quick(words: tuple[str, ...]) -> None:
    program = "import sys; from portazgo.cli.main import main; sys.exit(main())"
    spent = []
    for _ in range(ROUNDS):
        before = used_by_children()
        subprocess.run([sys.executable, "-c", program, *words], capture_output=True, check=True, timeout=60)
        spent.append(used_by_children() - before)
    assert min(spent) < NOISE * STATED_SECONDS


def used_by_children() -> float:
    """Give the processor's seconds of children that ended: a start waits for nothing, so that is its time when it's alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_PORTAZGO_COMPLETE" in capsys.readouterr().out


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk the tree."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


TREE = dict(commands(portazgo))


def test_every_line_of_the_registry_is_a_command() -> None:
    assert {path[0] for path in TREE} == set(COMMANDS)


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_a_command_explains_itself_and_its_options(path: tuple[str, ...]) -> None:
    command = TREE[path]
    assert command.help
    assert command.help.strip().endswith((".", "?", "`"))
    silent = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert silent == []


def test_a_misspelt_command_or_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["partners"]) == 2
    assert "Did you mean 'partner'?" in capsys.readouterr().err
    assert main(["key", "revok"]) == 2
    assert "Did you mean 'revoke'?" in capsys.readouterr().err


def test_without_a_token_the_exit_code_says_login(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAZGO_DATA_DIR", str(tmp_path / "none"))
    assert main(["partner", "list"]) == 4
    error = capsys.readouterr().err
    assert "there is no admin token" in error
    assert "portazgo up" in error


def test_the_version_names_the_native_module_and_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"version": installed("portazgo"), "native": VERSION, "native_sources": SOURCE_DIGEST}
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith(
        f"portazgo {document['version']} (native module {VERSION} of the sources "
    )
