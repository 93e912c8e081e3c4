"""Faults of the phase `authorize`, by which the control plane says what a caller may not call."""

from __future__ import annotations

from enum import StrEnum


class Denial(StrEnum):
    """Why nodes refuse a caller's calls of a route: codes of the catalogue."""

    PLAN_MISSING = "plan_missing"
    SCOPE_MISSING = "scope_missing"
    KEY_ROUTE_DENIED = "key_route_denied"
    ENVIRONMENT_UNAVAILABLE = "environment_unavailable"
    ROUTE_UNKNOWN = "route_unknown"
