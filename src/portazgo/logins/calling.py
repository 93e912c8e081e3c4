"""One call to a target: no redirects, no retries, bounded in time and size whatever the other side does."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from portazgo.kit.address_kinds import IPAddress, is_never_called
from portazgo.kit.targets import USUAL_PORTS, is_socket, socket_path
from portazgo.logins.replies import NoReply, NoReplyReason, Reply, Request, joined
from portazgo.logins.tls import NotPinned, client_context, require_pinned

__all__ = ["NoReply", "NoReplyReason", "Reply", "Request", "call"]

CONNECT_SECONDS = 3.0
# What a path may hold as it is; all else is percent-encoded.
_SAFE_IN_PATH = "/?&=%:@!$'()*+,;~-._"
# By ALPN, for each way to speak HTTP/2 (RFC 7301).
_OFFERED: dict[str, tuple[str, ...]] = {"off": (), "alpn": ("h2", "http/1.1"), "prior_knowledge": ("h2",)}


def call(
    target: str,
    request: Request,
    *,
    tls: Mapping[str, Any] | None,
    whole_seconds: float,
    largest_body: int,
    http2: str = "off",
) -> Reply:
    """Call a target once; `https://` is verified by these rules, `http2` as nodes understand it. Raises NoReply.

    Over HTTP/2 it sends no body.
    """
    connection = http.client.HTTPConnection(*_named(target), timeout=CONNECT_SECONDS)
    connection.sock = _opened(target, tls, _OFFERED[http2])
    # A time-out of the socket bounds each wait; one that drips a byte a second is ended by this one.
    ended = threading.Event()
    watch = threading.Timer(whole_seconds, _end, (connection.sock, ended))
    watch.daemon = True
    watch.start()
    try:
        connection.sock.settimeout(whole_seconds)
        encoded = replace(request, path=quote(request.path, safe=_SAFE_IN_PATH))
        if _speaks_http2(connection.sock, http2):
            from portazgo.logins.calling_http2 import exchange  # noqa: PLC0415 - few backends speak it

            reply = exchange(connection.sock, *_scheme_and_authority(target), encoded, largest_body)
        else:
            reply = _exchange(connection, encoded, largest_body)
    except (OSError, http.client.HTTPException, ValueError, NoReply) as problem:
        raise NoReply(NoReplyReason.TIMED_OUT if ended.is_set() else _why(problem)) from None
    finally:
        watch.cancel()
        connection.close()
    if ended.is_set():
        # What was cut off reads like a short answer.
        raise NoReply(NoReplyReason.TIMED_OUT)
    return reply


def _exchange(connection: http.client.HTTPConnection, request: Request, largest_body: int) -> Reply:
    connection.request(request.method, request.path, body=request.body, headers=dict(request.headers))
    answer = connection.getresponse()
    body = answer.read(largest_body)
    is_cut = len(body) == largest_body and bool(answer.read(1))
    return Reply(answer.status, joined(answer.getheaders()), body, is_cut)


def _speaks_http2(connected: socket.socket, http2: str) -> bool:
    agreed = connected.selected_alpn_protocol() if isinstance(connected, ssl.SSLSocket) else None
    return http2 == "prior_knowledge" or agreed == "h2"


def _scheme_and_authority(target: str) -> tuple[str, str]:
    """Give what HTTP/2 says of a target in place of Host."""
    if is_socket(target):
        return "http", "localhost"
    parts = urlsplit(target)
    return parts.scheme, parts.netloc


def _named(target: str) -> tuple[str, int | None]:
    """Give host and port as the call names them; what listens at a socket of this machine is `localhost`, as for nodes."""
    if is_socket(target):
        return "localhost", None
    parts = urlsplit(target)
    return parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]


def _opened(target: str, tls: Mapping[str, Any] | None, offered: tuple[str, ...]) -> socket.socket:
    """Connect, with TLS where the target has it. Raises NoReply."""
    host, port = _named(target)
    try:
        if port is None:
            return _at_socket(socket_path(target))
        connected = _connected(host, port)
        if urlsplit(target).scheme != "https":
            return connected
        try:
            session = client_context(tls, offered).wrap_socket(
                connected, server_hostname=(tls or {}).get("server_name") or host
            )
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
    if isinstance(problem, NoReply):
        return problem.reason
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
