"""Real servers of HTTP/2: nginx, and node with both protocols."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from portazgo.roles.ports import free_port

SCRIPT = Path(__file__).resolve().parent / "origins" / "http2.js"
START_SECONDS = 20.0
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
    log_format seen escape=json '{{"id":"$http_x_request_id","protocol":"$server_protocol","length":$request_length}}';
    access_log {folder}/seen.jsonl seen;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests {requests};
    server {{ listen 127.0.0.1:{port} http2; location / {{ return 200 seen; }} }}
}}
"""


class Server:
    """Start it with `with`; it is ended by its process id."""

    def __init__(self, folder: Path, command: Sequence[str], place: int | Path) -> None:
        self.folder, self.place = folder, place
        self._command = list(command)

    @classmethod
    def nginx(cls, folder: Path, *, requests_a_line: int) -> Self:
        """Plain, and nothing but HTTP/2; it leaves each connection after so many requests."""
        folder.mkdir(parents=True)
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        path = folder / "server.conf"
        path.write_text(NGINX.format(folder=folder, port=port, user=user, requests=requests_a_line))
        return cls(folder, [_program("nginx"), "-c", str(path)], port)

    @classmethod
    def node(cls, folder: Path, *, socket_path: Path | None = None, tls: tuple[Path, Path] | None = None) -> Self:
        """Plain, at a socket, or by TLS with both protocols."""
        folder.mkdir(parents=True)
        place = socket_path or free_port()
        mode = ["plain", str(place)] if tls is None else ["tls", str(place), *map(str, tls)]
        return cls(folder, [_program("node"), str(SCRIPT), *mode], place)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.place}"

    def __enter__(self) -> Self:
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"no server: {(self.folder / 'output.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        # Servers with workers end them on SIGTERM.
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        try:
            if isinstance(self.place, Path):
                with socket.socket(socket.AF_UNIX) as connected:
                    connected.connect(str(self.place))
            else:
                socket.create_connection(("127.0.0.1", self.place), 1).close()
        except OSError:
            return False
        return True


def _program(name: str) -> str:
    """Find a server's program. A missing one is an error, never a reason to test less."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: run scripts/test-services")
    return found
