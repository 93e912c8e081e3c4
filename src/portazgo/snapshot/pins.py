"""The pins of a partner, an application or a plan, as nodes get them: which version of a contract serves an API's calls."""

from __future__ import annotations

from typing import Any, Protocol

FEATURE = "contract.1"


class Holder(Protocol):
    """Who may have pins: Django's manager of them, `contracts.ContractPin.holder`'s other end."""

    contract_pins: Any


def pins_of(holder: Holder) -> dict[str, str]:
    """Give the version's id by the API's id, in the order of the APIs."""
    rows = holder.contract_pins.order_by("api").values_list("api", "version")
    return {str(api): str(version) for api, version in rows}


def required(pins: dict[str, str]) -> tuple[str, ...]:
    """Name the feature that nodes need: where nothing is pinned, none."""
    return (FEATURE,) if pins else ()
