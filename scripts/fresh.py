"""Proves the README's two commands on a fresh clone: `make demo`, `make demo` again, `make test`; prints their times.

Clones HEAD into a scratch folder with a home and caches of its own (cargo, uv, pip all cold); only the installed Rust
toolchain is shared, found through RUSTUP_HOME. Exits 1 when a command fails. The folder is deleted unless --keep.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
READY_WITHIN_SECONDS = 20 * 60
END_WITHIN_SECONDS = 15
# Settings of the caller that would make the clone less than fresh.
LEFT_BEHIND = ("CARGO_TARGET_DIR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYO3_PYTHON", "PYTHONPATH", "VIRTUAL_ENV")


class NotProved(Exception):
    """A command of the README doesn't do what it says."""


def main() -> int:
    """Run the commands and print a table. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the clone and its caches where they are")
    parser.add_argument("--skip-test", action="store_true", help="only `make demo`")
    options = parser.parse_args()
    times: list[tuple[str, float]] = []
    with ExitStack() as cleaning:
        scratch = Path(tempfile.mkdtemp(prefix="portazgo-fresh-"))
        if not options.keep:
            cleaning.callback(shutil.rmtree, scratch, ignore_errors=True)
        try:
            prove(scratch, times, skip_test=options.skip_test)
        except NotProved as problem:
            print(f"✗ {problem}", file=sys.stderr)
            return 1
        finally:
            for name, seconds in times:
                print(f"{name:<52} {seconds:7.1f} s")
    return 0


def prove(scratch: Path, times: list[tuple[str, float]], *, skip_test: bool) -> None:
    """Run everything in `scratch`; what was timed is appended as it ends."""
    clone, environment = scratch / "portazgo", fresh_environment(scratch)
    started = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(clone)], check=True)  # noqa: S607
    times.append(("git clone", time.monotonic() - started))
    times.append(("make demo, cold, until ready", demo(clone, environment)))
    times.append(("make demo, the second time, until ready", demo(clone, environment)))
    if not skip_test:
        started = time.monotonic()
        if subprocess.run(["make", "test"], cwd=clone, env=environment, check=False).returncode != 0:  # noqa: S607
            raise NotProved("make test failed")
        times.append(("make test", time.monotonic() - started))


def fresh_environment(scratch: Path) -> dict[str, str]:
    """The caller's environment with a new home, cold caches and free ports; proxies and indexes stay as they are."""
    rustup = os.environ.get("RUSTUP_HOME") or str(Path.home() / ".rustup")
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_BEHIND and "PORTAZGO" not in name}
    folders = {
        "HOME": scratch / "home",
        "CARGO_HOME": scratch / "cargo",
        "PIP_CACHE_DIR": scratch / "cache/pip",
        "UV_CACHE_DIR": scratch / "cache/uv",
        "XDG_CACHE_HOME": scratch / "cache",
        "XDG_CONFIG_HOME": scratch / "config",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    ports = dict(zip(("GATEWAY", "CONTROL", "BACKEND"), free_ports(3), strict=True))
    return (
        kept
        | {name: str(folder) for name, folder in folders.items()}
        | {f"PORTAZGO_{role}_PORT": str(port) for role, port in ports.items()}
        | {"RUSTUP_HOME": rustup}
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held until all are known, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def demo(clone: Path, environment: dict[str, str]) -> float:
    """Run `make demo` until it is ready and its example call is answered, then end it. Returns seconds until ready."""
    description = clone / ".portazgo" / "demo.json"
    description.unlink(missing_ok=True)
    started = time.monotonic()
    # In a session of its own, as a terminal would run it: the signal reaches the whole group.
    with subprocess.Popen(["make", "demo"], cwd=clone, env=environment, start_new_session=True) as running:  # noqa: S607
        try:
            ready = wait_until_ready(running, description, started + READY_WITHIN_SECONDS)
            seconds = time.monotonic() - started
            call(ready["try_url"], ready["api_key"])
        finally:
            end(running)
    return seconds


def wait_until_ready(running: subprocess.Popen[bytes], description: Path, deadline: float) -> dict[str, Any]:
    """The contents of demo.json once it says ready. Raises NotProved when the demo ends before, or is too slow."""
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise NotProved(f"make demo ended with exit code {running.returncode} before it was ready")
        if description.exists():
            content: dict[str, Any] = json.loads(description.read_text("utf-8") or "{}")
            if content.get("ready"):
                return content
        time.sleep(0.1)
    raise NotProved(f"make demo was not ready within {READY_WITHIN_SECONDS} s")


def call(url: str, api_key: str) -> None:
    """The call that the demo suggests is answered 200 with JSON."""
    request = urllib.request.Request(url, headers={"X-Api-Key": api_key})  # noqa: S310 - the demo's own, on loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            json.load(answer)
    except (OSError, ValueError) as problem:
        raise NotProved(f"the demo's example call failed: {problem}") from problem


def end(running: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group. Raises NotProved when it doesn't end in time (and kills what is left)."""
    if running.poll() is not None:
        return
    os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(END_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        raise NotProved(f"make demo did not end within {END_WITHIN_SECONDS} s of SIGTERM") from None


if __name__ == "__main__":
    sys.exit(main())
