"""One call to a target: no redirects, no retries, bounded in time and size whatever the other side does."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from portazgo.kit.address_kinds import IPAddress, is_never_called
from portazgo.kit.targets import USUAL_PORTS, is_socket, socket_path
from portazgo.logins.tls import NotPinned, client_context, require_pinned

CONNECT_SECONDS = 3.0
# What a path may hold as it is; all else is percent-encoded.
_SAFE_IN_PATH = "/?&=%:@!$'()*+,;~-._"


class NoReplyReason(StrEnum):
    """Why there is no answer."""

    UNKNOWN_HOST = "unknown_host"
    NEVER_CALLED = "never_called"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    NOT_HTTP = "not_http"
    UNTRUSTED = "untrusted"
    NOT_PINNED = "not_pinned"
    NO_TLS = "no_tls"
    NO_SOCKET = "no_socket"
    NOT_ALLOWED = "not_allowed"


class NoReply(Exception):
    """The other side did not answer."""

    def __init__(self, reason: NoReplyReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in small letters, repeated ones joined; of the body at most the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False
    """There is more of the body."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is sent. Its headers and its body may hold secrets: it prints nothing of them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


def call(
    target: str, request: Request, *, tls: Mapping[str, Any] | None, whole_seconds: float, largest_body: int
) -> Reply:
    """Call a target once, by HTTP/1.1; `https://` is verified by these rules. Raises NoReply."""
    connection = http.client.HTTPConnection(*_named(target), timeout=CONNECT_SECONDS)
    connection.sock = _opened(target, tls)
    # A time-out of the socket bounds each wait; one that drips a byte a second is ended by this one.
    ended = threading.Event()
    watch = threading.Timer(whole_seconds, _end, (connection.sock, ended))
    watch.daemon = True
    watch.start()
    try:
        connection.sock.settimeout(whole_seconds)
        path = quote(request.path, safe=_SAFE_IN_PATH)
        connection.request(request.method, path, body=request.body, headers=dict(request.headers))
        answer = connection.getresponse()
        named: dict[str, str] = {}
        for name, value in answer.getheaders():
            named[name.lower()] = f"{named[name.lower()]}, {value}" if name.lower() in named else value
        body = answer.read(largest_body)
        is_cut = len(body) == largest_body and bool(answer.read(1))
        if ended.is_set():
            # What was cut off here reads like a short answer.
            raise NoReply(NoReplyReason.TIMED_OUT)
        return Reply(answer.status, named, body, is_cut)
    except (OSError, http.client.HTTPException, ValueError) as problem:
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
            session = client_context(tls).wrap_socket(connected, server_hostname=(tls or {}).get("server_name") or host)
        except (OSError, UnicodeError):
            connected.close()
            raise
        return _pinned(session, tls)
    except (OSError, UnicodeError, NotPinned) as problem:
        raise NoReply(_why(problem)) from None


def _pinned(session: ssl.SSLSocket, tls: Mapping[str, Any] | None) -> ssl.SSLSocket:
    try:
        require_pinned(session, tls)
    except NotPinned:
        session.close()
        raise
    return session


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
    ((NotPinned,), NoReplyReason.NOT_PINNED),
    ((ssl.SSLCertVerificationError,), NoReplyReason.UNTRUSTED),
    ((ssl.SSLError,), NoReplyReason.NO_TLS),
    ((ConnectionResetError, BrokenPipeError, http.client.IncompleteRead), NoReplyReason.BROKEN),
    ((http.client.HTTPException,), NoReplyReason.NOT_HTTP),
    ((TimeoutError,), NoReplyReason.TIMED_OUT),
    ((socket.gaierror, UnicodeError), NoReplyReason.UNKNOWN_HOST),
    ((ValueError,), NoReplyReason.NOT_HTTP),
    ((ConnectionRefusedError,), NoReplyReason.REFUSED),
    ((FileNotFoundError, NotADirectoryError), NoReplyReason.NO_SOCKET),
    ((PermissionError,), NoReplyReason.NOT_ALLOWED),
)
