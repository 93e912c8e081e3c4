"""portazgo.yaml against real processes: from an empty deployment to calls of a backend of one's own, edited, and back."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest
from support.command import portazgo
from support.deployment import PROJECT, Deployment
from support.terminal import on_terminal

from portazgo.kit.http import JsonClient
from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers

Run = Callable[..., subprocess.CompletedProcess[str]]

FILE = """\
portazgo: 1
name: shop
include: [partners.yaml]
backends:
  parcels:
    environments:
      live:
        targets: ["{backend}"]
        credential: {{kind: mint, audience: parcels, claims: {{who: "{{application.name}}"}}}}
apis:
  parcels:
    import:
      openapi: openapi.json
      backend: parcels
      prefix_map: {{/parcels: /v1/parcels}}
      passthrough: true
plans:
  standard: {{apis: [parcels], rates: [600/min]}}
"""
PARTNERS = """\
partners:
  courier:
    metadata: {on: NO}
    applications:
      tracking: {environment: live, plan: standard}
"""


class Bare(Deployment):
    """A deployment of which nothing was made yet, in front of a backend of somebody's own."""

    def __enter__(self) -> Self:
        self.begin()
        try:
            self.start_backend()
            self.start_control()
            self.start_gateway()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_backend(self) -> None:
        command = [sys.executable, str(PROJECT / "examples" / "parcels" / "server.py"), "--audience", "parcels"]
        command += ["--port", str(self.backend_port), "--issuer", self.control_url]
        self._start("backend", command, {}, lambda: answers(f"{self.backend_url}/openapi.json"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    with Bare(tmp_path_factory.mktemp("bare")) as running:
        document = JsonClient(running.backend_url, None).request("GET", "/openapi.json")
        (running.folder / "openapi.json").write_bytes(document.body)
        yield running


@pytest.fixture
def run(bare: Bare) -> Run:
    """Run a command in the folder of the files, which are as at the beginning."""
    write(bare, FILE, PARTNERS)
    return lambda *words: portazgo(bare.environment, bare.folder, *words)


def write(bare: Bare, file: str, partners: str) -> None:
    (bare.folder / "portazgo.yaml").write_text(file.format(backend=bare.backend_url))
    (bare.folder / "partners.yaml").write_text(partners)


def test_from_nothing_to_a_call_and_every_edit_arrives(bare: Bare, run: Run) -> None:
    checked = run("check")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "portazgo.yaml is fine.\n")
    assert run("check", "--offline").returncode == 0
    shown = run("diff")
    assert shown.returncode == 3
    assert (
        "    + application courier/tracking  new, live, on plan standard: 2 routes of parcels, 600/min\n"
        in shown.stdout
    )
    assert run("apply", "--dry-run").returncode == 0
    unasked = run("apply", "--no-input")
    assert (unasked.returncode, "nobody can be asked: Apply this?" in unasked.stderr) == (6, True)
    assert list(bare.admin.pages("/partners")) == []

    done = run("apply", "--yes", "-o", "json")
    outcome = json.loads(done.stdout)
    assert (done.returncode, outcome["applied"], outcome["plan"]["summary"]["created"]) == (0, True, 7)
    application = next(bare.admin.pages("/applications"))
    assert next(bare.admin.pages("/partners"))["metadata"] == {"on": "NO"}
    bare.key = bare.admin.post(f"/applications/{application['id']}/keys")
    bare.wait_for(lambda: bare.call("/v1/parcels").status == 200, "the first call")
    assert bare.call("/v1/parcels/1").json()["id"] == "1"
    again = run("apply", "--yes")
    assert (again.returncode, again.stdout) == (0, "No differences.\n")

    # Less is published, fewer calls are let through.
    picked = FILE.replace("      passthrough", "      pick: {{operations: [list_parcels]}}\n      passthrough")
    write(bare, picked.replace("600/min", "5/min"), PARTNERS)
    shown = run("diff", "--json")
    plan = json.loads(shown.stdout)
    assert (shown.returncode, plan["exposes"], plan["rest"]) == (3, [], [])
    assert [(line["sentence"], line["affects"]) for line in plan["breaks"]] == [
        ("per-minute: 5/min, was 600/min", ["courier/tracking"]),
        ("GET /v1/parcels/{id} is gone", ["courier/tracking"]),
    ]
    assert run("apply", "--yes").returncode == 0
    bare.wait_for(lambda: bare.call("/v1/parcels/1").status == 404, "the route's end", 10)
    assert bare.call("/v1/parcels").headers["ratelimit-policy"] == '"per-minute";q=5;w=60'

    # And back to what the apply before left.
    back = run("rollback", "--yes")
    assert (back.returncode, "Back to what apply 1 left:" in back.stderr) == (0, True)
    assert "+ route parcels/show-parcel  GET /v1/parcels/{id}" in back.stdout
    bare.wait_for(lambda: bare.call("/v1/parcels/1").status == 200, "the route's return", 10)
    listed = json.loads(run("rollback", "--list", "--json").stdout)
    assert [(row["number"], row["restores"]) for row in listed] == [(3, 1), (2, None), (1, None)]


def test_what_is_exported_has_no_differences(bare: Bare, run: Run) -> None:
    assert run("apply", "--yes").returncode == 0
    bare.admin.post("/partners", {"name": "by-hand", "metadata": {"yes": "12:30", "n": "~", "e": "1e3"}})
    exported = run("export", "--name", "shop")
    (bare.folder / "exported.yaml").write_text(exported.stdout)
    assert run("check", "-f", "exported.yaml").returncode == 0
    same = run("diff", "-f", "exported.yaml")
    assert (same.returncode, same.stdout) == (
        0,
        "Takes over, though no apply of this file made it:\n  issuer default\n  partner by-hand\n\nNo differences.\n",
    )
    assert json.loads(run("export", "--name", "shop", "-o", "json").stdout)["partners"]["by-hand"] == {
        "metadata": {"yes": "12:30", "n": "~", "e": "1e3"}
    }


def test_everything_wrong_is_told_with_its_place(bare: Bare, run: Run) -> None:
    write(
        bare,
        FILE.replace("kind: mint", "kind: mnt").replace("[600/min]", "[600/month]"),
        PARTNERS.replace("standard", "standrd"),
    )
    expected = [
        'partners.yaml:5:37: there is no plan "standrd", neither here nor at the server; did you mean "standard"?',
        'portazgo.yaml:9:22: "mnt" is none of mint, none, exchange, client_credentials, token_exchange; did you mean "mint"?',
        "portazgo.yaml:18:39: '600/month' is no rate such as 60/min, 1000/day or 100/10m (units: second, minute, hour, day)",
        "Error: 3 problems in portazgo.yaml",
    ]
    for command in (("check",), ("diff",), ("apply", "--yes")):
        done = run(*command)
        assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", expected)
    report = run("check", "--json")
    problems = json.loads(report.stdout)["problems"]
    assert (report.returncode, report.stderr) == (2, "")
    assert [(one["file"], one["line"], one["column"]) for one in problems] == [
        ("partners.yaml", 5, 37),
        ("portazgo.yaml", 9, 22),
        ("portazgo.yaml", 18, 39),
    ]
    # Without a control plane what can be told is told; what it alone knows is a warning.
    away = {**bare.environment, "PORTAZGO_CONTROL_URL": "http://127.0.0.1:9"}
    alone = portazgo(away, bare.folder, "check")
    assert (alone.returncode, alone.stderr.splitlines()) == (2, [*expected[1:3], "Error: 2 problems in portazgo.yaml"])
    offline = portazgo(away, bare.folder, "check", "--offline")
    assert offline.stderr.splitlines()[0].startswith(
        'Warning: partners.yaml:5:37: the plan "standrd" is not in the file'
    )


def test_a_plan_that_moved_while_somebody_thought_about_it_is_not_carried_out(bare: Bare, run: Run) -> None:
    assert run("apply", "--yes").returncode == 0
    write(bare, FILE.replace("600/min", "10/min"), PARTNERS)
    thinking = _Asked(bare, "apply")
    partner = next(bare.admin.pages("/partners", {"name": "courier"}))["id"]
    bare.admin.post(f"/partners/{partner}/suspend")
    code, text = thinking.answer("y\n")
    bare.admin.post(f"/partners/{partner}/resume")
    assert (code, "things have changed since the diff was made" in text) == (5, True)
    assert next(bare.admin.pages("/plans", {"name": "standard"}))["throttles"][0]["quota"] == 600
    declined = _Asked(bare, "apply").answer("n\n")
    assert declined[0] == 6
    assert _Asked(bare, "apply").answer("y\n")[0] == 0


def test_colours_are_for_terminals_that_want_them(bare: Bare, run: Run) -> None:
    run("apply", "--yes")
    write(bare, FILE, PARTNERS.replace("live", "live, status: suspended"))
    assert "\x1b[" in on_terminal(bare.environment, bare.folder, "diff").text
    plain = on_terminal({**bare.environment, "NO_COLOR": "1"}, bare.folder, "diff").text
    assert plain == (
        "Breaks\n  for courier/tracking\n    ~ application courier/tracking  suspended\n\n"
        "0 to create, 1 to change, 0 to delete.\n"
    )
    assert run("diff").stdout == plain


class _Asked:
    """A command on a terminal that has come to its question."""

    def __init__(self, bare: Bare, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            portazgo_command(*words), env=bare.environment, cwd=bare.folder, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self._read = ""
        self._read_until(r"\[y/N\]")

    def answer(self, typed: str) -> tuple[int, str]:
        """Type an answer. Returns the exit code and all that stood on the terminal."""
        try:
            os.write(self._ours, typed.encode())
            self._read_until(None)
            return self._process.wait(30), self._read
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._ours)

    def _read_until(self, pattern: str | None) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (pattern and re.search(pattern, self._read)):
            if select.select([self._ours], [], [], 1.0)[0]:
                try:
                    chunk = os.read(self._ours, 65_536)
                except OSError:  # the other end is closed: Linux says EIO
                    return
                self._read += chunk.decode()
