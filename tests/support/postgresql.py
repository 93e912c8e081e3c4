"""A real PostgreSQL server of the tests' own: fresh folder, socket only, no fsync unless it is asked for, ended by pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 30
PORT = 5432  # names the socket file; nothing listens on TCP


def newest_binaries() -> Path:
    """Find `initdb` and `postgres`; Debian keeps them off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        raise RuntimeError("PostgreSQL's programs are missing: apt-get install postgresql")
    return folders[-1]


class PostgreSQLServer:
    """One server; `url` reaches its database `portazgo`."""

    def __init__(self, *, fsync: bool = False) -> None:
        self._fsync = "on" if fsync else "off"
        self._folder = Path(tempfile.mkdtemp(prefix="portazgo-pg-"))
        self._account = _unprivileged_account()
        self._process: subprocess.Popen[bytes] | None = None
        user = self._account.pw_name
        self.url = f"postgresql://{user}@/portazgo?host={self._folder}"

    def start(self) -> None:
        """Make the cluster and its database, and wait until it answers."""
        # PostgreSQL refuses to run as root.
        shutil.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        data = self._folder / "data"
        self._run("initdb", "--pgdata", str(data), "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8")
        self._launch(data)
        self._run("createdb", "--host", str(self._folder), "portazgo")

    def new_database(self, name: str) -> str:
        """Make one more database. Returns its URL."""
        self._run("createdb", "--host", str(self._folder), name)
        return self.url.replace("/portazgo?", f"/{name}?")

    def restart_after(self, pause_seconds: float) -> None:
        """Take the server away for a while, as a restart or failover does."""
        self._end()
        time.sleep(pause_seconds)
        self._launch(self._folder / "data")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have the server away while the `with` lasts."""
        self._end()
        try:
            yield
        finally:
            self._launch(self._folder / "data")

    def stop(self) -> None:
        """End the server and delete its folder."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _launch(self, data: Path) -> None:
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={self._folder}",
            "-c",
            f"fsync={self._fsync}",
        ]
        command = [str(newest_binaries() / "postgres"), "-D", str(data), "-p", str(PORT), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._identity)
        self._wait()

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": disconnects clients
            self._process.wait(timeout=START_SECONDS)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        ready = [str(newest_binaries() / "pg_isready"), "--quiet", "--host", str(self._folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.05)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(newest_binaries() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._identity)

    @property
    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}


def _unprivileged_account() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is neither a user postgres nor nobody to run PostgreSQL as")
