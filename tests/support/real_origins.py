"""Real servers as origins: each answers everything with 200 and logs every request that it saw."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from portazgo.roles.ports import free_port

HERE = Path(__file__).resolve().parent / "origins"
START_SECONDS = 20.0

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
    log_format seen escape=json '{{"id":"$http_x_request_id","method":"$request_method","length":"$http_content_length"}}';
    access_log {log} seen;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    large_client_header_buffers 8 64k; client_max_body_size 0;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 seen; }} }}
}}
"""
APACHE = """
ServerRoot {folder}
ServerName origin.example
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule rewrite_module {modules}/mod_rewrite.so
LimitRequestFieldSize 65536
LimitRequestLine 65536
LogFormat "{{\\"id\\":\\"%{{X-Request-Id}}i\\",\\"method\\":\\"%m\\",\\"length\\":\\"%{{Content-Length}}i\\"}}" seen
CustomLog {log} seen
RewriteEngine on
RewriteRule ^ - [R=200,L]
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """A request as an origin saw it."""

    request_id: str
    method: str
    body_bytes: int | None
    """None: the server's log doesn't tell."""
    announced: int | None
    """What its Content-Length said; such a server may answer before the body is there."""


class RealOrigin:
    """Start it with `with`; it is ended by its process id."""

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.name, self.port = name, free_port()
        self._folder, self._log = folder, folder / "seen.jsonl"
        self._log.touch()

    def __enter__(self) -> Self:
        command = COMMANDS[self.name](self)
        environment = {**os.environ, "ORIGIN_LOG": str(self._log)}
        with (self._folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=HERE)
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"{self.name} did not start: {(self._folder / 'output.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        # Servers with workers end them on SIGTERM.
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def logged(self) -> list[Logged]:
        """Everything that the server saw; read it when the server has ended."""
        found = []
        for line in self._log.read_text("utf-8", errors="replace").splitlines():
            entry = json.loads(line)
            length = entry.get("length", "")
            announced = int(length) if length.isdigit() else None
            found.append(Logged(entry["id"], entry["method"], entry.get("body_bytes"), announced))
        return found

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _nginx(self) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""
        return [_program("nginx"), "-c", self._configuration(NGINX, user=user)]

    def _apache(self) -> list[str]:
        # A server of Debian's package refuses to run as root: its own user must read the folder.
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        modules = next(
            (path for path in ("/usr/lib/apache2/modules", "/usr/lib/httpd/modules") if Path(path).is_dir()), ""
        )
        return [_program("apache2", "httpd"), "-X", "-f", self._configuration(APACHE, user=user, modules=modules)]

    def _configuration(self, template: str, **values: str) -> str:
        path = self._folder / "server.conf"
        path.write_text(template.format(folder=self._folder, port=self.port, log=self._log, **values))
        return str(path)

    def _gunicorn(self) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--threads",
            "8",
            "--limit-request-line",
            "0",
        ]
        return [*command, "--worker-tmp-dir", str(self._folder), "applications:wsgi"]

    def _uvicorn(self) -> list[str]:
        command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port)]
        return [*command, "--no-access-log", "applications:asgi"]

    def _waitress(self) -> list[str]:
        listen = f"--listen=127.0.0.1:{self.port}"
        return [sys.executable, "-m", "waitress", listen, "--threads=8", "applications:wsgi"]

    def _tornado(self) -> list[str]:
        return [sys.executable, "applications.py", "tornado", str(self.port)]

    def _node(self) -> list[str]:
        return [_program("node"), "server.js", str(self.port)]


def _program(*names: str) -> str:
    """Find a server's program. A missing one is an error, never a reason to test less."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise RuntimeError(f"{names[0]} is not installed: run scripts/test-services")


COMMANDS = {
    "nginx": RealOrigin._nginx,
    "apache2": RealOrigin._apache,
    "gunicorn": RealOrigin._gunicorn,
    "uvicorn": RealOrigin._uvicorn,
    "waitress": RealOrigin._waitress,
    "tornado": RealOrigin._tornado,
    "node": RealOrigin._node,
}
