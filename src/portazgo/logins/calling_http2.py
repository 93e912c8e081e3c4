"""One exchange over HTTP/2 (RFC 9113) on a connection that stands; what bounds it in time is the caller's."""

from __future__ import annotations

import socket

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from portazgo.logins.replies import NoReply, NoReplyReason, Reply, Request, joined

STREAM = 1
PIECE_BYTES = 65_536
# They speak of the connection, which HTTP/2 does in frames of its own (RFC 9113, section 8.2.2).
_OF_THE_CONNECTION = frozenset({"host", "connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection"})


def exchange(connected: socket.socket, scheme: str, authority: str, request: Request, largest_body: int) -> Reply:
    """Ask and read the answer, of its body at most the beginning. Raises NoReply, OSError.

    `request.path` is percent-encoded already.
    """
    protocol = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    taking = _Taking(largest_body)
    try:
        # What the server pushes would be taken for the answer.
        protocol.local_settings.enable_push = 0
        protocol.initiate_connection()
        fields = [(":method", request.method), (":scheme", scheme), (":authority", authority), (":path", request.path)]
        fields += [(name.lower(), value) for name, value in request.headers.items()]
        kept = [(name, value) for name, value in fields if name not in _OF_THE_CONNECTION]
        protocol.send_headers(STREAM, kept, end_stream=True)
        connected.sendall(protocol.data_to_send())
        while not taking.is_over:
            received = connected.recv(PIECE_BYTES)
            if not received:
                raise NoReply(NoReplyReason.BROKEN)
            for event in protocol.receive_data(received):
                taking.take(event)
                if isinstance(event, DataReceived):
                    protocol.acknowledge_received_data(event.flow_controlled_length, STREAM)
            connected.sendall(protocol.data_to_send())
    except (H2Error, UnicodeError):
        raise NoReply(NoReplyReason.NOT_HTTP2) from None
    return taking.reply()


class _Taking:
    """What has come of the answer."""

    def __init__(self, largest_body: int) -> None:
        self._most = largest_body
        self._fields: list[tuple[str, str]] = []
        self._body = b""
        self.is_over = False

    def take(self, event: Event) -> None:
        """Note an event. Raises NoReply."""
        match event:
            case ResponseReceived():
                self._fields = [(str(name), str(value)) for name, value in event.headers]
            case DataReceived():
                self._body += event.data
                # There is more than anybody wants.
                self.is_over |= len(self._body) > self._most
            case StreamEnded():
                self.is_over = True
            case StreamReset():
                raise NoReply(NoReplyReason.BROKEN)
            case ConnectionTerminated() if (
                event.error_code != ErrorCodes.NO_ERROR or (event.last_stream_id or 0) < STREAM
            ):
                raise NoReply(NoReplyReason.BROKEN)
            case _:
                pass

    def reply(self) -> Reply:
        """Give the answer."""
        named = joined(self._fields)
        status = int(named.pop(":status"))
        return Reply(status, named, self._body[: self._most], is_cut=len(self._body) > self._most)
