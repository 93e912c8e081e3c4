"""Reads the fault catalogue."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Blame = Literal["partner", "partner_network", "policy", "gateway", "backend", "backend_network", "platform"]
Phase = Literal[
    "accept",
    "tls",
    "framing",
    "route",
    "authenticate",
    "authorize",
    "limit",
    "transform_request",
    "credential",
    "forward",
    "dns",
    "connect",
    "tls_out",
    "send",
    "wait_headers",
    "read_body",
    "transform_response",
    "respond",
    "record",
]
Language = Literal["en", "es"]


class CatalogueInvalid(ValueError):
    """The catalogue contradicts itself; the message names the entry and the rule."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What a fault says in one language: to the partner, to the operator, and what to do next."""

    partner: str
    operator: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call can fail.

    `code` goes into records and telemetry, `public_code` to partners; `status` is that of our own answer;
    `retryable` means that the same call may succeed later; `billable` that it is billed although it failed.
    """

    id: int
    code: str
    public_code: str
    blame: Blame
    phase: Phase
    status: int
    retryable: bool
    billable: bool
    partner: str
    partner_es: str
    operator: str
    operator_es: str
    next_step: str
    next_step_es: str

    def sentences(self, language: Language) -> Sentences:
        """The three sentences in the reader's language."""
        if language == "es":
            return Sentences(self.partner_es, self.operator_es, self.next_step_es)
        return Sentences(self.partner, self.operator, self.next_step)


@cache
def catalogue() -> tuple[Fault, ...]:
    """All faults, by id. Raises CatalogueInvalid."""
    with files("portazgo.faults").joinpath("catalogue.toml").open("rb") as source:
        entries = tomllib.load(source)["fault"]
    faults = tuple(Fault(**entry) for entry in entries)
    check(faults)
    return faults


@cache
def by_code() -> dict[str, Fault]:
    """The faults by their code."""
    return {fault.code: fault for fault in catalogue()}


def check(faults: tuple[Fault, ...]) -> None:
    """Hold the catalogue to its rules. Raises CatalogueInvalid for the first entry that breaks one."""
    for number, fault in enumerate(faults, start=1):
        _check_one(fault, number)
    if len({fault.code for fault in faults}) != len(faults):
        raise CatalogueInvalid("a code stands twice")
    _check_that_invalid_keys_look_alike(faults)


def _check_one(fault: Fault, number: int) -> None:
    if fault.id != number:
        raise CatalogueInvalid(
            f"{fault.code}: id {fault.id} where {number} was due; ids have no gaps and are never reused"
        )
    if fault.blame not in get_args(Blame):
        raise CatalogueInvalid(f"{fault.code}: unknown blame {fault.blame!r}")
    if fault.phase not in get_args(Phase):
        raise CatalogueInvalid(f"{fault.code}: unknown phase {fault.phase!r}")
    # Only the way back to the partner may fail on the partner's account; anything else would bill for our own faults.
    if fault.billable and fault.blame != "partner_network":
        raise CatalogueInvalid(f"{fault.code}: billable, but its blame is {fault.blame}")


def _check_that_invalid_keys_look_alike(faults: tuple[Fault, ...]) -> None:
    faces = {(f.status, f.partner, f.partner_es, f.retryable) for f in faults if f.public_code == "key_invalid"}
    if len(faces) > 1:
        raise CatalogueInvalid("the faults with public_code key_invalid differ in what a partner sees")
