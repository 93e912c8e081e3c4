"""What a backend's targets and timeouts may be. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from portazgo.kit.address_kinds import is_never_called, written_address
from portazgo.kit.targets import UNIX, USUAL_PORTS, is_socket, socket_path

TARGETS_AT_MOST = 64
# What fits into a socket's address (Linux: 108 bytes with the closing NUL).
UNIX_PATH_BYTES = 107
# A name (letters, digits, '-', '.', '_') or a bracketed IPv6 address.
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_SOCKET_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[!-.0-~]+)+")
# Whoever may call one of these owns the machine, as whoever may call a cloud's metadata address owns its credentials.
_RULES_THE_MACHINE = re.compile(
    r"/(var/)?run/(systemd|dbus)/.*|.*/(docker|containerd|podman|crio|buildkitd)\.sock|.*/libvirt-sock"
)


class Environment(StrEnum):
    """Which of a backend's worlds a call goes to."""

    LIVE = "live"
    TEST = "test"


class CredentialKind(StrEnum):
    """How calls to a backend are credentialed."""

    MINT = "mint"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the gateway waits, in milliseconds."""

    connect_ms: int = 2_000
    first_byte_ms: int = 30_000
    idle_ms: int = 30_000
    total_ms: int = 60_000


def targets_of(environments: Mapping[str, Any]) -> list[str]:
    """Give the targets of every environment."""
    return [target for one in environments.values() for target in one["targets"]]


def check_target(target: str) -> str:
    """Return the target as `http://host:port` or `https://host:port` with its port spelled out, or as `unix:/path`.

    Raises ValueError with a sentence for anything else.
    """
    if is_socket(target):
        return _check_socket(target)
    scheme, separator, rest = target.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in USUAL_PORTS:
        raise ValueError(
            f"{target!r} is no target: it must read http://host:port, https://host:port or unix:/absolute/path"
        )
    host, port = _split(rest.removesuffix("/"), target, USUAL_PORTS[scheme])
    if not _HOST.fullmatch(host):
        raise ValueError(f"{target!r} is no target: it must read {scheme}://host:port, without a path, user or query")
    address = written_address(host)
    if address is not None and is_never_called(address):
        raise ValueError(
            f"{target!r} is no target: no backend lives at {address} (link-local, multicast, unspecified, reserved, or where "
            "clouds keep credentials)"
        )
    return f"{scheme}://{host.lower()}:{port}"


def _check_socket(target: str) -> str:
    # unix:///path is how other programs write it.
    path = socket_path(target)
    path = path.removeprefix("//") if path.startswith("///") else path
    if not _SOCKET_PATH.fullmatch(path):
        raise ValueError(
            f"{target!r} is no target: it must read unix:/absolute/path, without blanks, '..' or a slash at its end"
        )
    if len(path) > UNIX_PATH_BYTES:
        raise ValueError(f"{target!r} is no target: the path of a socket has at most {UNIX_PATH_BYTES} bytes")
    if _RULES_THE_MACHINE.fullmatch(path):
        raise ValueError(
            f"{target!r} is no target: whoever may call this socket rules the machine; no backend lives there"
        )
    return f"{UNIX}{path}"


def _split(authority: str, target: str, usual: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port if parts.port is not None else usual
    except ValueError:
        raise ValueError(f"{target!r} is no target: its port is no number from 1 to 65535") from None
    if port == 0:
        raise ValueError(f"{target!r} is no target: port 0 can't be called")
    explicit = re.search(r":[0-9]+$", authority)
    host = authority[: explicit.start()] if explicit else authority
    return host, port


def check_targets(targets: Sequence[str]) -> list[str]:
    """Return the targets in one spelling each, without repetition. Raises ValueError for a bad one, or when there is none."""
    checked = list(dict.fromkeys(check_target(target) for target in targets))
    if not 1 <= len(checked) <= TARGETS_AT_MOST:
        raise ValueError(f"a backend has 1 to {TARGETS_AT_MOST} targets in an environment")
    return checked
