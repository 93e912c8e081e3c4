"""From settings to the native node's configuration (docs/wire.md, section 8)."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portazgo.kit.errors import StartRefused
from portazgo.settings_kinds import Listen

if TYPE_CHECKING:
    from portazgo.settings import Settings

# What the kernel lets this container have (cgroup v2); above it the process is killed.
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
# The production profile seals sooner: what is not shipped yet is what the death of a host can lose.
SEAL_MS = {"embedded": 1000, "production": 250}


def node_folder(settings: Settings) -> Path:
    """Where the node keeps its id, slabs, segments and last known good snapshot."""
    return settings.data_dir / "node"


def certificate_files(settings: Settings) -> list[Path]:
    """List the files that the listener's TLS is read from; empty: it is plain."""
    files = [path for pair in settings.gateway_tls_certificates for path in pair]
    return files if settings.gateway_tls_client_ca is None else [*files, settings.gateway_tls_client_ca]


def native_configuration(settings: Settings, *, follows_control_plane: bool, take_over: str | None = None) -> str:
    """Write the JSON that the native node reads; `take_over`: the socket of a running node to be replaced.

    Raises StartRefused for an address that can't be one.
    """
    staleness = settings.revocation_max_staleness if follows_control_plane else None
    return json.dumps(
        {
            "folder": str(node_folder(settings).absolute()),
            "label": socket.gethostname(),
            "listen": _numeric(settings.gateway_listen, "PORTAZGO_GATEWAY_LISTEN"),
            "admin_listen": _numeric(settings.admin_listen, "PORTAZGO_ADMIN_LISTEN"),
            "threads": settings.threads,
            "follows_control_plane": follows_control_plane,
            "key_prefix": settings.key_prefix,
            "max_staleness_seconds": None if staleness is None else int(staleness.total_seconds()),
            "trusted_proxies": list(settings.trusted_proxies),
            "forwarding_header": settings.forwarding_header,
            "proxy_protocol": settings.gateway_proxy_protocol,
            "take_over": take_over,
            "tls": _tls(settings),
            "answer_samples_per_minute": settings.answer_samples if follows_control_plane else 0,
            "compression": settings.compression,
            "limits": {
                "head_bytes": 65_536,
                "head_lines": 100,
                "head_seconds": 10,
                "keep_alive_seconds": 75,
                "write_seconds": int(settings.write_timeout.total_seconds()),
                "connections": settings.max_connections,
                "slots_per_thread": 4096,
                "in_flight": settings.max_in_flight,
                "memory_bytes": _memory(settings),
                "body_bytes_per_second": settings.body_rate,
                "backlog_us": settings.max_backlog // timedelta(microseconds=1),
            },
            "journal": {
                "seal_ms": SEAL_MS[settings.profile],
                "seal_bytes": 1_048_576,
                "sync_ms": 5,
                "when_full": settings.disk_full,
                "client_address": _address_forms(settings),
            },
        }
    )


def _address_forms(settings: Settings) -> dict[str, str]:
    whatever = settings.client_address
    chosen = {"live": settings.client_address_live, "test": settings.client_address_test, "other": whatever}
    return {environment: whatever if form == "same" else form for environment, form in chosen.items()}


def _memory(settings: Settings) -> int | None:
    if settings.max_memory is not None:
        return settings.max_memory or None  # `off` is parsed to zero
    try:
        limit = CONTAINER_MEMORY.read_text().strip()
    except OSError:
        return None  # no container, or an older kernel's
    return int(limit) * 4 // 5 if limit.isdigit() else None


def _tls(settings: Settings) -> dict[str, Any] | None:
    if not settings.gateway_tls_certificates:
        return None
    authority = settings.gateway_tls_client_ca
    return {
        "certificates": [
            {"certificate": str(certificate), "key": str(key)} for certificate, key in settings.gateway_tls_certificates
        ],
        "client_certificates": settings.gateway_tls_client_certificates,
        "client_ca": None if authority is None else str(authority),
        "handshake_seconds": 10,
    }


def _numeric(listen: Listen, variable: str) -> str:
    """Write host:port with the host's address: the native side looks no names up. Raises StartRefused."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as problem:
        raise StartRefused(f"{listen} can't be listened on ({problem.strerror})", f"correct {variable}") from None
    return str(Listen(str(found[0][4][0]), listen.port))
