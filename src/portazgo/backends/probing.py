"""One GET to a backend: no redirects, no retries, bounded in time and size whatever the backend does."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from portazgo.backends.domain import USUAL_PORTS, is_socket, socket_path
from portazgo.backends.explaining import NoReplyReason
from portazgo.backends.tls import client_context
from portazgo.kit.address_kinds import IPAddress, is_never_called

CONNECT_SECONDS = 3.0
WHOLE_SECONDS = 10.0
LARGEST_BODY_BYTES = 16_384
# What a path may hold as it is; all else is percent-encoded.
_SAFE_IN_PATH = "/?&=%:@!$'()*+,;~-._"


class NoReply(Exception):
    """The backend did not answer."""

    def __init__(self, reason: NoReplyReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in small letters, repeated ones joined; of the body at most the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(
    target: str,
    path: str,
    headers: Mapping[str, str],
    *,
    tls: Mapping[str, Any] | None = None,
    whole_seconds: float = WHOLE_SECONDS,
) -> Reply:
    """Call a target once, by HTTP/1.1; `https://` is verified by the backend's rules. Raises NoReply."""
    connection = http.client.HTTPConnection(*_named(target), timeout=CONNECT_SECONDS)
    connection.sock = _opened(target, tls)
    # A time-out of the socket bounds each wait; one that drips a byte a second is ended by this one.
    ended = threading.Event()
    watch = threading.Timer(whole_seconds, _end, (connection.sock, ended))
    watch.daemon = True
    watch.start()
    try:
        connection.sock.settimeout(whole_seconds)
        connection.request("GET", quote(path, safe=_SAFE_IN_PATH), headers=dict(headers))
        answer = connection.getresponse()
        named: dict[str, str] = {}
        for name, value in answer.getheaders():
            named[name.lower()] = f"{named[name.lower()]}, {value}" if name.lower() in named else value
        body = answer.read(LARGEST_BODY_BYTES)
        if ended.is_set():
            # What was cut off here reads like a short answer.
            raise NoReply(NoReplyReason.TIMED_OUT)
        return Reply(answer.status, named, body)
    except (OSError, http.client.HTTPException) as problem:
        raise NoReply(NoReplyReason.TIMED_OUT if ended.is_set() else _why(problem)) from None
    finally:
        watch.cancel()
        connection.close()


def _named(target: str) -> tuple[str, int | None]:
    """Give host and port as the call names them; what listens at a socket of this machine is `localhost`, as for nodes."""
    if is_socket(target):
        return "localhost", None
    parts = urlsplit(target)
    return parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]


def _opened(target: str, tls: Mapping[str, Any] | None) -> socket.socket:
    """Connect, with TLS where the target has it. Raises NoReply."""
    host, port = _named(target)
    try:
        if port is None:
            return _at_socket(socket_path(target))
        connected = _connected(host, port)
        if urlsplit(target).scheme != "https":
            return connected
        try:
            return client_context(tls).wrap_socket(connected, server_hostname=(tls or {}).get("server_name") or host)
        except (OSError, UnicodeError):
            connected.close()
            raise
    except (OSError, UnicodeError) as problem:
        raise NoReply(_why(problem)) from None


def _at_socket(path: str) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(CONNECT_SECONDS)
        connected.connect(path)
    except OSError:
        connected.close()
        raise
    return connected


def _connected(host: str, port: int) -> socket.socket:
    """Connect to the first of a host's addresses that takes it. Raises OSError, UnicodeError, NoReply.

    Exactly at the address that was judged: a name that is looked up twice may lead elsewhere the second time.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: Exception = NoReply(NoReplyReason.NEVER_CALLED)
    for family, kind, protocol, _, address in found:
        if is_never_called(_address(address)):
            continue
        connected = socket.socket(family, kind, protocol)
        try:
            connected.settimeout(CONNECT_SECONDS)
            connected.connect(address)
        except OSError as problem:
            connected.close()
            failure = problem
        else:
            return connected
    raise failure


def _address(socket_address: tuple[Any, ...]) -> IPAddress:
    return ipaddress.ip_address(str(socket_address[0]).partition("%")[0])


def _end(connected: socket.socket, ended: threading.Event) -> None:
    ended.set()
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _why(problem: Exception) -> NoReplyReason:
    return next((reason for kinds, reason in _REASONS if isinstance(problem, kinds)), NoReplyReason.UNREACHABLE)


# From the special to the general: a disconnection is an HTTPException too, and all of them are OSErrors or that.
_REASONS: tuple[tuple[tuple[type[Exception], ...], NoReplyReason], ...] = (
    ((ssl.SSLCertVerificationError,), NoReplyReason.UNTRUSTED),
    ((ssl.SSLError,), NoReplyReason.NO_TLS),
    ((ConnectionResetError, BrokenPipeError, http.client.IncompleteRead), NoReplyReason.BROKEN),
    ((http.client.HTTPException,), NoReplyReason.NOT_HTTP),
    ((TimeoutError,), NoReplyReason.TIMED_OUT),
    ((socket.gaierror, UnicodeError), NoReplyReason.UNKNOWN_HOST),
    ((ConnectionRefusedError,), NoReplyReason.REFUSED),
    ((FileNotFoundError, NotADirectoryError), NoReplyReason.NO_SOCKET),
    ((PermissionError,), NoReplyReason.NOT_ALLOWED),
)
