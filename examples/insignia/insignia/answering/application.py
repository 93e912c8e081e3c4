"""The outermost WSGI application: answer, write down, send."""

import errno
import select
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from insignia.answering.answer import Answer, Environ, StartResponse, WsgiApplication, collect, detail
from insignia.answering.answer_log import AnswerLog
from insignia.answering.faults import Fault, Faults, UnknownFault

HANG_SECONDS = 600
DRIP_PIECES = 10
HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1><p>insignia-edge-3</p>\n"


@dataclass(frozen=True, slots=True)
class AnsweringApplication:
    """Wraps Django: exactly one line in the answer log per request, written before the body is sent."""

    application: WsgiApplication
    faults: Faults | None
    answer_log: AnswerLog | None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        started = time.monotonic()
        try:
            fault = self.faults.choose(environ) if self.faults else None
            answer = self._answer(environ, fault)
        except UnknownFault as error:
            fault, answer = None, detail(500, str(error))
        body_bytes = _bytes_to_send(environ, answer, fault)
        self._write_down(environ, answer, fault, body_bytes, time.monotonic() - started)
        if answer is None:
            return _leave_unanswered(environ, fault)
        start_response(answer.status_line, answer.headers)
        return _pieces(answer.body[:body_bytes], fault)

    def _answer(self, environ: Environ, fault: Fault | None) -> Answer | None:
        if fault is None:
            return collect(self.application, environ)
        time.sleep(fault.delay)
        if fault.close or fault.hang:
            return None
        told = detail(fault.status, "Insignia was told to fail.") if fault.status else None
        return _spoil(told or collect(self.application, environ), fault)

    def _write_down(
        self, environ: Environ, answer: Answer | None, fault: Fault | None, body_bytes: int, duration_seconds: float
    ) -> None:
        if self.answer_log is not None:
            self.answer_log.write(
                environ,
                status=answer.status if answer else None,
                fault=fault.text if fault else None,
                body_bytes=body_bytes,
                duration_seconds=duration_seconds,
            )


def _spoil(answer: Answer, fault: Fault) -> Answer:
    if fault.html:
        return answer.with_body(HTML, "text/html; charset=utf-8")
    if fault.bad_json:
        return answer.with_body(answer.body[: len(answer.body) * 2 // 3], "application/json")
    return answer


def _bytes_to_send(environ: Environ, answer: Answer | None, fault: Fault | None) -> int:
    if answer is None or environ["REQUEST_METHOD"] == "HEAD":
        return 0
    return len(answer.body) // 2 if fault and fault.truncate else len(answer.body)


def _pieces(body: bytes, fault: Fault | None) -> Iterable[bytes]:
    if fault and fault.truncate:
        return _broken_off(body)
    if fault and fault.drip:
        return _dripping(body, fault.drip)
    return [body]


def _broken_off(body: bytes) -> Iterator[bytes]:
    yield body
    raise _connection_lost()


def _dripping(body: bytes, pause_seconds: float) -> Iterator[bytes]:
    size = max(1, -(-len(body) // DRIP_PIECES))
    for start in range(0, len(body), size):
        time.sleep(pause_seconds)
        yield body[start : start + size]


def _leave_unanswered(environ: Environ, fault: Fault | None) -> Iterable[bytes]:
    if fault and fault.hang:
        _wait_until_client_leaves(environ)
    raise _connection_lost()


def _wait_until_client_leaves(environ: Environ) -> None:
    poll = select.poll()
    # Not POLLIN: a pipelined request behind this one is not the end.
    poll.register(environ["gunicorn.socket"], select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    poll.poll(HANG_SECONDS * 1000)


def _connection_lost() -> ConnectionResetError:
    """Return what gunicorn takes for a client that went: it closes the connection and writes nothing more."""
    return ConnectionResetError(errno.ECONNRESET, "Insignia was told to close the connection")
