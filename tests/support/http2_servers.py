"""Real servers of HTTP/2: nginx, and node with both protocols."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from support.ports import free_port
from support.server_process import ServerProcess, program

SCRIPT = Path(__file__).resolve().parent / "origins" / "http2.js"
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


class Server(ServerProcess):
    """Start it with `with`; it is ended by its process id."""

    def __init__(self, folder: Path, command: Sequence[str], place: int | Path) -> None:
        super().__init__(folder, place)
        self._command = list(command)

    @classmethod
    def nginx(cls, folder: Path, *, requests_a_line: int) -> Self:
        """Plain, and nothing but HTTP/2; it leaves each connection after so many requests."""
        folder.mkdir(parents=True)
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        path = folder / "server.conf"
        path.write_text(NGINX.format(folder=folder, port=port, user=user, requests=requests_a_line))
        return cls(folder, [program("nginx"), "-c", str(path)], port)

    @classmethod
    def node(cls, folder: Path, *, socket_path: Path | None = None, tls: tuple[Path, Path] | None = None) -> Self:
        """Plain, at a socket, or by TLS with both protocols."""
        folder.mkdir(parents=True)
        place = socket_path or free_port()
        mode = ["plain", str(place)] if tls is None else ["tls", str(place), *map(str, tls)]
        return cls(folder, [program("node"), str(SCRIPT), *mode], place)

    def command(self) -> Sequence[str]:
        """Say what starts it."""
        return self._command
