"""Envoy's configurations: a bare router, its own key check and limit, and a dynamic module of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TYPES = "type.googleapis.com/"
FILTERS = f"{TYPES}envoy.extensions.filters"
UNLIMITED = 1_000_000_000
BUCKET = {"max_tokens": UNLIMITED, "tokens_per_fill": UNLIMITED, "fill_interval": "1s"}


def configuration(port: int, origin_port: int, filters: Sequence[dict[str, Any]] = (), log: Path | None = None) -> str:
    """Give the configuration of a router with these filters before it; with a log, also a request id."""
    manager = _typed(
        "manager",
        f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        generate_request_id=log is not None,
        access_log=[] if log is None else [_access_log(log)],
        route_config={
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}],
                }
            ]
        },
        http_filters=[*filters, _typed("router", f"{FILTERS}.http.router.v3.Router")],
    )
    endpoint = {"endpoint": {"address": _address(origin_port)}}
    # No breaker may stand in the way: the origin takes all.
    most = {"max_connections": UNLIMITED, "max_pending_requests": UNLIMITED, "max_requests": UNLIMITED}
    origin = {
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "partners", "address": _address(port), "filter_chains": [{"filters": [manager]}]}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [origin]}})


def own_policy(keys: Sequence[str]) -> list[dict[str, Any]]:
    """Give Envoy's own filters: clear keys looked up, a local rate per caller, the key hidden, a bearer token put on."""
    credentials = [{"key": key, "client": f"c{number}"} for number, key in enumerate(keys)]
    bearer = {"header": {"key": "authorization", "value": "Bearer " + "x" * 400}}
    all_of_it = {"default_value": {"numerator": 100}}
    caller = [{"request_headers": {"header_name": "x-client-id", "descriptor_key": "client"}}]
    return [
        _typed(
            "envoy.filters.http.api_key_auth",
            f"{FILTERS}.http.api_key_auth.v3.ApiKeyAuth",
            credentials=credentials,
            key_sources=[{"header": "x-api-key"}],
            forwarding={"header": "x-client-id", "hide_credentials": True},
        ),
        _typed(
            "envoy.filters.http.local_ratelimit",
            f"{FILTERS}.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="limit",
            token_bucket=BUCKET,
            filter_enabled=all_of_it,
            filter_enforced=all_of_it,
            rate_limits=[{"actions": caller}],
            descriptors=[{"entries": [{"key": "client"}], "token_bucket": BUCKET}],
            max_dynamic_descriptors=2 * len(keys),
        ),
        _typed(
            "envoy.filters.http.header_mutation",
            f"{FILTERS}.http.header_mutation.v3.HeaderMutation",
            mutations={"request_mutations": [{"append": {**bearer, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}]},
        ),
    ]


def module() -> list[dict[str, Any]]:
    """Give the filter that is our module (envoy_module/)."""
    text = {"@type": f"{TYPES}google.protobuf.StringValue", "value": ""}
    return [
        _typed(
            "gateway",
            f"{FILTERS}.http.dynamic_modules.v3.DynamicModuleFilter",
            dynamic_module_config={"name": "gateway", "do_not_close": True},
            filter_name="gateway",
            filter_config=text,
        )
    ]


def _access_log(path: Path) -> dict[str, Any]:
    members = {
        "at": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "took": "%DURATION%",
        "client": "%REQ(X-CLIENT-ID)%",
        "bytes": "%BYTES_SENT%",
        "id": "%REQ(X-REQUEST-ID)%",
    }
    kind = f"{TYPES}envoy.extensions.access_loggers.file.v3.FileAccessLog"
    return _typed("envoy.access_loggers.file", kind, path=str(path), log_format={"json_format": members})


def _typed(name: str, kind: str, **members: Any) -> dict[str, Any]:
    kind = kind if kind.startswith(TYPES) else TYPES + kind
    return {"name": name, "typed_config": {"@type": kind, **members}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
