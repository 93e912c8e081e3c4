"""Real servers as origins: each answers everything with 200 and logs every request that it saw."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from support.ports import free_port
from support.server_process import ServerProcess, program

HERE = Path(__file__).resolve().parent / "origins"

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


class RealOrigin(ServerProcess):
    """Start it with `with`; it is ended by its process id."""

    works_in = HERE

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.name, self.port = name, free_port()
        super().__init__(folder, self.port)
        self._log = folder / "seen.jsonl"
        self._log.touch()

    def command(self) -> list[str]:
        """Say what starts it."""
        return COMMANDS[self.name](self)

    def environment(self) -> dict[str, str]:
        """Say where it logs."""
        return {"ORIGIN_LOG": str(self._log)}

    def logged(self) -> list[Logged]:
        """Everything that the server saw; read it when the server has ended."""
        found = []
        for line in self._log.read_text("utf-8", errors="replace").splitlines():
            entry = json.loads(line)
            length = entry.get("length", "")
            announced = int(length) if length.isdigit() else None
            found.append(Logged(entry["id"], entry["method"], entry.get("body_bytes"), announced))
        return found

    def _nginx(self) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""
        return [program("nginx"), "-c", self._configuration(NGINX, user=user)]

    def _apache(self) -> list[str]:
        # A server of Debian's package refuses to run as root: its own user must read the folder.
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        modules = next(
            (path for path in ("/usr/lib/apache2/modules", "/usr/lib/httpd/modules") if Path(path).is_dir()), ""
        )
        return [program("apache2", "httpd"), "-X", "-f", self._configuration(APACHE, user=user, modules=modules)]

    def _configuration(self, template: str, **values: str) -> str:
        path = self.folder / "server.conf"
        path.write_text(template.format(folder=self.folder, port=self.port, log=self._log, **values))
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
        return [*command, "--worker-tmp-dir", str(self.folder), "applications:wsgi"]

    def _uvicorn(self) -> list[str]:
        command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port)]
        return [*command, "--no-access-log", "applications:asgi"]

    def _waitress(self) -> list[str]:
        listen = f"--listen=127.0.0.1:{self.port}"
        return [sys.executable, "-m", "waitress", listen, "--threads=8", "applications:wsgi"]

    def _tornado(self) -> list[str]:
        return [sys.executable, "applications.py", "tornado", str(self.port)]

    def _node(self) -> list[str]:
        return [program("node"), "server.js", str(self.port)]


COMMANDS = {
    "nginx": RealOrigin._nginx,
    "apache2": RealOrigin._apache,
    "gunicorn": RealOrigin._gunicorn,
    "uvicorn": RealOrigin._uvicorn,
    "waitress": RealOrigin._waitress,
    "tornado": RealOrigin._tornado,
    "node": RealOrigin._node,
}
