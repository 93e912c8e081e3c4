"""`portazgo up` is one thing: its parts come back, and end together."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from support.command import assert_refused, portazgo
from support.deployment import Deployment
from support.group import END_SECONDS, Group, command_line, wait_for

from portazgo.roles.instance import running_instance
from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers

PARTS = {"control", "gateway", "worker"}
SECOND_START_SECONDS = 10 * 5  # the stated figure, at the tests' tolerance


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Ports, a folder and an environment."""
    return Deployment(tmp_path_factory.mktemp("group"))


@pytest.fixture(scope="module")
def group(place: Deployment) -> Iterator[Group]:
    with Group("up", place.environment, place.folder) as running:
        running.wait_ready()
        yield running


def ready(place: Deployment) -> bool:
    """Both sides answer: the node is ready, and so is the control plane."""
    instance = running_instance(place.data)
    assert instance is not None
    return answers(f"{place.control_url}/health") and answers(f"{instance.admin_url}/health/ready")


def test_all_in_one_place(group: Group, place: Deployment) -> None:
    assert set(group.parts()) == PARTS
    assert ready(place)
    instance = running_instance(place.data)
    assert instance is not None
    assert instance.pid == group.process.pid
    done = portazgo(place.environment, place.folder, "doctor", "-o", "json")
    assert done.returncode == 0, done.stdout
    statuses = {one["status"] for one in json.loads(done.stdout)["findings"] if one["check"] != "backends"}
    assert statuses == {"well"}, done.stdout
    saved = portazgo(place.environment, place.folder, "snapshot", "save", "of-the-group.ndjson")
    assert saved.returncode == 0, saved.stderr


def test_logs_that_no_terminal_reads_are_json_lines(group: Group) -> None:
    for line in group.lines():
        assert {"time", "level", "logger", "message"} <= set(line)
        assert line["level"] in {"debug", "info", "warning", "error"}


def test_a_second_one_on_the_same_folder_is_refused(group: Group, place: Deployment) -> None:
    assert_refused(
        portazgo(place.environment, place.folder, "up"),
        f"another Portazgo (process {group.process.pid}) runs on {place.data}",
        "PORTAZGO_DATA_DIR",
    )
    assert ready(place)


@pytest.mark.parametrize("name", ["gateway", "control", "worker"])
def test_a_killed_part_is_started_again(group: Group, place: Deployment, name: str) -> None:
    before = group.parts()
    os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: group.parts().get(name, before[name]) != before[name], f"another {name}")
    wait_for(lambda: ready(place), "readiness")
    after = group.parts()
    assert {part: pid for part, pid in after.items() if part != name} == {
        part: pid for part, pid in before.items() if part != name
    }
    assert set(after) == PARTS


def test_sigterm_ends_all_of_it_in_time_and_restarts_nothing(group: Group, place: Deployment) -> None:
    restarts = sum(line["message"] == "part fell, starting it again" for line in group.lines())
    code, seconds = group.end(signal.SIGTERM)
    assert (code, group.left()) == (0, [])
    assert seconds < END_SECONDS
    lines = group.lines()
    assert sum(line["message"] == "part fell, starting it again" for line in lines) == restarts
    assert not any("killed" in line["message"] for line in lines)
    assert [line["message"] for line in lines if line["logger"].startswith("portazgo.node.")][-1] == "gateway ended"
    assert running_instance(place.data) is None
    assert not answers(f"{place.control_url}/health")


def test_even_parts_that_hang_or_have_just_fallen_end_in_time(place: Deployment) -> None:
    with Group("up", place.environment, place.folder) as group:
        group.wait_ready()
        parts = group.parts()
        os.kill(parts["gateway"], signal.SIGSTOP)
        os.kill(parts["control"], signal.SIGKILL)
        wait_for(lambda: not command_line(parts["control"]), "the control plane's end", 5)
        code, seconds = group.end(signal.SIGINT)
        assert (code, group.left()) == (130, [])
        assert seconds < END_SECONDS
        time.sleep(1)
        assert group.left() == []


def test_a_killed_supervisor_leaves_no_orphan(place: Deployment) -> None:
    with Group("up", place.environment, place.folder) as group:
        group.wait_ready()
        assert set(group.parts()) == PARTS
        group.process.kill()
        group.process.wait()
        wait_for(lambda: group.left() == [], "the parts' end", END_SECONDS)


def test_on_a_terminal_logs_are_for_people_and_ctrl_c_ends_all(place: Deployment) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        portazgo_command("up"),
        env={**place.environment, "TERM": "xterm"},
        cwd=place.folder,
        preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - the child needs a controlling terminal
    )
    os.close(theirs)
    shown = bytearray()
    reader = threading.Thread(target=read_all, args=(terminal, shown), daemon=True)
    reader.start()
    try:
        wait_for(lambda: b" ready  gateway=" in shown or process.poll() is not None, "the group")
        began = time.monotonic()
        os.write(terminal, b"\x03")
        assert process.wait(END_SECONDS + 10) == 130
        assert time.monotonic() - began < END_SECONDS
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        os.close(terminal)
    text = shown.decode()
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} \x1b\[36minfo    \x1b\[0m gateway serves  port=", text, re.MULTILINE)
    assert '{"time"' not in text
    assert "Traceback" not in text


def read_all(terminal: int, shown: bytearray) -> None:
    try:
        while piece := os.read(terminal, 65_536):
            shown += piece
    except OSError:
        return  # nobody holds the other end any more


def test_a_second_demo_goes_on_with_the_same_key_and_is_ready_soon(place: Deployment) -> None:
    environment = {**place.environment, "PORTAZGO_BACKEND_PORT": str(place.backend_port)}
    file = place.data / "demo.json"
    documents, took = [], 0.0
    for _ in range(2):
        file.unlink(missing_ok=True)
        began = time.monotonic()
        with Group("demo", environment, place.folder) as group:
            wait_for(lambda: file.exists() or group.process.poll() is not None, "demo.json")
            took = time.monotonic() - began
            assert file.stat().st_mode & 0o777 == 0o600
            documents.append(json.loads(file.read_text()))
            assert try_it(documents[-1]) == 200
            assert set(group.parts()) == {*PARTS, "backend"}
            code, seconds = group.end(signal.SIGTERM)
            assert (code, group.left()) == (0, [])
            assert seconds < END_SECONDS
    assert documents[0] == documents[1]
    assert took < SECOND_START_SECONDS


def try_it(document: dict[str, str]) -> int:
    url = urlsplit(document["try_url"])
    connection = HTTPConnection(url.hostname or "", url.port, timeout=30)
    try:
        connection.request("GET", url.path, headers={"X-Api-Key": document["api_key"]})
        return connection.getresponse().status
    finally:
        connection.close()
