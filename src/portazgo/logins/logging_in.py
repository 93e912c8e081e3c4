"""Logs in: with the refresh token where there is one, else with the credential; at the first target that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portazgo.logins.answers import LARGEST_ANSWER_BYTES, Granted, LoginFailed, granted
from portazgo.logins.calling import NoReply, NoReplyReason, Reply, call
from portazgo.logins.orders import MissingValue, Order, composed, places

WHOLE_SECONDS = 10.0

_SILENCE: Mapping[NoReplyReason, str] = {
    NoReplyReason.UNKNOWN_HOST: "its host is not known to the name service",
    NoReplyReason.NEVER_CALLED: "its host is at a link-local, multicast, unspecified or reserved address",
    NoReplyReason.REFUSED: "nothing listens there",
    NoReplyReason.UNREACHABLE: "it can't be reached",
    NoReplyReason.TIMED_OUT: "it did not answer in time",
    NoReplyReason.BROKEN: "it closed the connection in the middle of the answer",
    NoReplyReason.NOT_HTTP: "what listens there doesn't speak HTTP/1.1",
    NoReplyReason.NOT_HTTP2: "what listens there doesn't speak HTTP/2",
    NoReplyReason.UNTRUSTED: "its certificate can't be verified",
    NoReplyReason.NOT_PINNED: "its key is none of those that are pinned",
    NoReplyReason.NO_TLS: "the TLS handshake failed",
    NoReplyReason.NO_SOCKET: "there is no such socket",
    NoReplyReason.NOT_ALLOWED: "the socket may not be opened by this user",
}


def log_in(
    order: Order,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
) -> Granted:
    """Fetch a token; its life counts from now, when this returns. Raises LoginFailed."""
    refresh = order.login.get("refresh")
    if refresh is not None and order.refresh_token is not None:
        try:
            found = _asked(order, refresh, now, monotonic)
            # One that is not rotated goes on.
            return replace(found, refresh_token=found.refresh_token or order.refresh_token)
        except LoginFailed:
            # It has ended, or was withdrawn: the credential is what counts.
            pass
    return _asked(order, order.login["request"], now, monotonic)


def _asked(
    order: Order, request: Mapping[str, Any], now: Callable[[], datetime], monotonic: Callable[[], float]
) -> Granted:
    began = monotonic()
    sent_at = now()
    reply, where = _reply(order, request, began + WHOLE_SECONDS, monotonic)
    found = granted(reply, order.login, where, order.secrets, sent_at)
    # Its life began before we had it.
    life = found.life_seconds - (monotonic() - began)
    if life <= 0:
        raise LoginFailed(f"The login at {where} gave a token that ended on its way.")
    return replace(found, life_seconds=life)


def _reply(order: Order, request: Mapping[str, Any], until: float, monotonic: Callable[[], float]) -> tuple[Reply, str]:
    """Call the first place that answers. Raises LoginFailed."""
    failure: LoginFailed | None = None
    for target, path, tls in places(order, request):
        where = f"{target}{path.partition('?')[0]}"
        left = until - monotonic()
        if left <= 0:
            break
        try:
            wanted = composed(order, request, path)
            return call(target, wanted, tls=tls, whole_seconds=left, largest_body=LARGEST_ANSWER_BYTES), where
        except MissingValue as missing:
            raise _without(missing.path, order) from None
        except NoReply as silence:
            failure = LoginFailed(f"The login at {where} did not answer: {_SILENCE[silence.reason]}.")
    raise failure or LoginFailed("There was no time left for the login.")


def _without(path: str, order: Order) -> LoginFailed:
    if path.startswith("credential."):
        name = path.removeprefix("credential.")
        advice = f"Set it: portazgo backend credential set {order.backend}"
        return LoginFailed(f"The service credential has no value named {name}.", advice, refused=True)
    return LoginFailed(f"The login reads {{{path}}}, which has no value for {order.whose}.", refused=True)
