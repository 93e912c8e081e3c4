"""The settings of a gateway node: where it listens, how much it takes on, whom it believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from portazgo.settings_kinds import (
    CHOICE_OF,
    COUNT,
    COUNT_OR_OFF,
    DURATION,
    DURATION_OR_OFF,
    HTTP_URL,
    KEY_PREFIX,
    LEAVING,
    LISTEN,
    MEMORY_OR_OFF,
    MILLISECONDS_OR_OFF,
    NETWORKS,
    NUMBER,
    PATH,
    PATH_PAIRS,
    PORT,
    RATE_OR_OFF,
    Listen,
)
from portazgo.settings_lines import Fault, setting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What only a gateway node reads, or who starts one."""

    gateway_listen: Listen = setting(
        LISTEN,
        "127.0.0.1:8080",
        "Address on which partners call.",
        "Write host:port, such as 0.0.0.0:8080.",
        in_file=True,
    )
    gateway_port: int = setting(
        PORT,
        None,
        "Port on which partners call.",
        "Write a port, 0 to 65535.",
        absent="that of PORTAZGO_GATEWAY_LISTEN",
        in_file=True,
    )
    admin_listen: Listen = setting(
        LISTEN,
        "127.0.0.1:9090",
        "Address of a node's health and metrics.",
        "Write host:port, such as 127.0.0.1:9090.",
        in_file=True,
    )
    internal_url: str = setting(
        HTTP_URL,
        None,
        "Where a gateway node finds the control plane.",
        "Write http://host:port or https://host:port.",
        absent="the address of PORTAZGO_INTERNAL_LISTEN",
    )
    node_token_file: Path = setting(
        PATH,
        None,
        "File with a node's token for the internal listener.",
        "Name a file.",
        absent="`node-token` in the data folder",
    )
    key_prefix: str = setting(
        KEY_PREFIX,
        "ptz",
        "What API keys begin with.",
        "Write 2 to 12 lower-case letters and digits, a letter first.",
        in_file=True,
    )
    revocation_max_staleness: timedelta | None = setting(
        DURATION_OR_OFF,
        None,
        "How long a node may serve without hearing from the control plane before it refuses.",
        "Write off, or a duration such as 5m.",
        absent="off; 5m with the production profile",
        in_file=True,
    )
    drain_wait: timedelta = setting(
        LEAVING,
        None,
        "How long a gateway node that is told to end says that it is not ready before it stops accepting connections.",
        "Write a duration such as 5s, longer than your load balancer takes to notice; 0s: it stops at once.",
        absent="0s; 5s with the production profile",
        in_file=True,
    )
    drain_time: timedelta = setting(
        LEAVING,
        None,
        "How long it then has to answer the calls under way before it cuts them off.",
        "Write a duration such as 30s.",
        absent="4s; 30s with the production profile",
        in_file=True,
    )
    drain_ship: timedelta = setting(
        LEAVING,
        None,
        "How long it has at last to ship the usage records that still wait on its disk: after a time without a collector, or "
        "many crashes, they are more than those of its last second. What is left waits for its next start.",
        "Write a duration such as 60s where the disk is gone with the node.",
        absent="2s; 10s with the production profile",
        in_file=True,
    )
    threads: int | None = setting(
        COUNT,
        None,
        "Data threads of a gateway node.",
        "Write a whole number from 1 to 256.",
        absent="one per core",
        in_file=True,
    )
    max_connections: int = setting(
        NUMBER,
        "10000",
        "Connections of partners that a gateway node keeps at once (docs/overload.md).",
        "Write a whole number from 1 to 1000000.",
        in_file=True,
    )
    max_in_flight: int | None = setting(
        NUMBER,
        None,
        "Requests that a gateway node answers at once; each data thread takes an equal share.",
        "Write a whole number, at least 1 for each data thread.",
        absent="4096 for each data thread, as many as there are record slots",
        in_file=True,
    )
    max_memory: int | None = setting(
        MEMORY_OR_OFF,
        None,
        "Memory of a gateway node's process above which it refuses requests, until it has fallen by a tenth.",
        "Write off, or an amount such as 512MiB or 2GiB.",
        absent="four fifths of the container's limit where there is one, else off",
        in_file=True,
    )
    max_backlog: timedelta = setting(
        MILLISECONDS_OR_OFF,
        "20ms",
        "Work that may stand in a data thread's queue; what stays above it is refused.",
        "Write off, or milliseconds such as 20ms. Less keeps calls quicker; more lets more of them wait.",
        in_file=True,
    )
    answer_samples: int = setting(
        COUNT_OR_OFF,
        "60",
        "Backends' answers a minute, of all routes together, that a gateway node compares with the imported schema "
        "(docs/when-the-backend-changes.md); requests that it records without their values count, too.",
        "Write off, or a whole number from 1 to 9999.",
        in_file=True,
    )
    write_timeout: timedelta = setting(
        DURATION,
        "30s",
        "How long a client may take nothing of its answer before it is given up.",
        "Write a duration such as 30s.",
        in_file=True,
    )
    body_rate: int = setting(
        RATE_OR_OFF,
        "256",
        "Bytes per second that a client must send of a body, and take of an answer, over each 10 s that it is waited for.",
        "Write off, or a whole number of bytes per second.",
        in_file=True,
    )
    disk_full: Literal["refuse", "serve"] = setting(
        CHOICE_OF("refuse", "serve"),
        "refuse",
        "What a gateway node does with calls once the disk is full and no more records fit: refuse them, or serve them "
        "without a record (docs/overload.md).",
        "Write refuse or serve.",
        in_file=True,
    )
    trusted_proxies: tuple[str, ...] = setting(
        NETWORKS,
        "",
        "Networks of the proxies in front of a gateway node whose X-Forwarded-For and traceparent are believed.",
        "Write networks with commas between them, such as 10.0.0.0/16, 192.0.2.7/32.",
        in_file=True,
    )
    forwarding_header: str = setting(
        CHOICE_OF("x-forwarded-for", "forwarded", "none"),
        "x-forwarded-for",
        "The one header of trusted proxies that tells who the client is (docs/behind-a-load-balancer.md).",
        "Write x-forwarded-for, forwarded or none: the one that your proxies write.",
        in_file=True,
    )
    gateway_proxy_protocol: Literal["off", "required"] = setting(
        CHOICE_OF("off", "required"),
        "off",
        "Whether partners' connections begin with the PROXY protocol's header, from PORTAZGO_TRUSTED_PROXIES only.",
        "Write off or required.",
        in_file=True,
    )
    compression: Literal["off", "routes", "on"] = setting(
        CHOICE_OF("off", "routes", "on"),
        "routes",
        "Which answers under contracts a gateway node compresses for clients that accept it: none, those of routes whose "
        "contract says `compress: true`, or all but those whose contract says `compress: false` (docs/compression.md).",
        "Write off, routes or on.",
        in_file=True,
    )
    client_address: Literal["whole", "truncated", "tag", "none"] = setting(
        CHOICE_OF("whole", "truncated", "tag", "none"),
        "whole",
        "In which form a gateway node records clients' addresses: as they are, as their networks (/24, /48), as keyed tags, or "
        "not at all (docs/what-is-recorded.md). Whatever is recorded is sealed.",
        "Write whole, truncated, tag or none.",
        in_file=True,
    )
    client_address_live: Literal["whole", "truncated", "tag", "none", "same"] = setting(
        CHOICE_OF("whole", "truncated", "tag", "none", "same"),
        "same",
        "The same for calls of live applications; same: as PORTAZGO_CLIENT_ADDRESS says, which is also what holds for calls "
        "whose key was not proven.",
        "Write whole, truncated, tag, none or same.",
        in_file=True,
    )
    client_address_test: Literal["whole", "truncated", "tag", "none", "same"] = setting(
        CHOICE_OF("whole", "truncated", "tag", "none", "same"),
        "same",
        "The same for calls of test applications.",
        "Write whole, truncated, tag, none or same.",
        in_file=True,
    )
    gateway_tls_certificates: tuple[tuple[Path, Path], ...] = setting(
        PATH_PAIRS,
        "",
        "Certificate chains and private keys (PEM) of the partners' listener; the first is for clients that name no server. "
        "Empty: the listener is plain.",
        "Write chain.pem:key.pem, several with commas between them.",
    )
    gateway_tls_client_certificates: Literal["off", "optional", "required"] = setting(
        CHOICE_OF("off", "optional", "required"),
        "off",
        "Whether partners' clients are asked for a certificate; optional: one that is shown must be good.",
        "Write off, optional or required.",
        in_file=True,
    )
    gateway_tls_client_ca: Path | None = setting(
        PATH, None, "Authorities (PEM) that sign clients' certificates.", "Name a PEM file.", absent="none"
    )


def contradictions_of_the_gateway(values: Mapping[str, Any]) -> list[Fault]:
    """Tell which of a gateway node's settings contradict each other; `values` by field name."""
    faults = []
    if values["gateway_proxy_protocol"] == "required" and not values["trusted_proxies"]:
        faults.append(
            Fault(
                "PORTAZGO_GATEWAY_PROXY_PROTOCOL, PORTAZGO_TRUSTED_PROXIES",
                "together",
                "the PROXY protocol is required and no network may send it",
                "List the load balancer's networks in PORTAZGO_TRUSTED_PROXIES.",
            )
        )
    wants_certificates = values["gateway_tls_client_certificates"] != "off"
    if wants_certificates and not (values["gateway_tls_certificates"] and values["gateway_tls_client_ca"]):
        faults.append(
            Fault(
                "PORTAZGO_GATEWAY_TLS_CLIENT_CERTIFICATES",
                "together",
                "clients' certificates need TLS and an authority that signs them",
                "Set PORTAZGO_GATEWAY_TLS_CERTIFICATES and PORTAZGO_GATEWAY_TLS_CLIENT_CA too.",
            )
        )
    return faults
