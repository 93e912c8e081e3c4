"""What the gateway itself answers to calls of an operation: problems of the fault catalogue (RFC 9457), by status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from portazgo.faults.catalogue import Fault, catalogue

PROBLEM_TYPE = "application/problem+json"

_NEVER_SENT = 499
"""The client has left: such a status stands in records only."""
_OF_A_CONNECTION = frozenset({"tls", "record"})
"""Phases in which there is no call of an operation yet, or none any more."""
_OF_A_CLIENT = frozenset(
    {
        "upgrade_refused",
        "method_not_allowed",
        "protocol_version_unsupported",
        "connection_abused",
        "key_invalid_midstream",
    }
)
"""Public codes that no client meets which calls what the document describes."""
_OF_GRAPHQL = "graphql_"
BACKEND_REFUSED = ("backend_refused", "The backend refused the call.")
BACKEND_FAILED = ("backend_failed", "The backend's answer can't be given on.")


@dataclass(frozen=True, slots=True)
class Takes:
    """What an operation takes from its caller, as far as it decides what may be wrong with a call."""

    body: bool
    input: bool
    """A body, or parameters."""
    fields: bool
    """`?fields=`."""


def own_answers(takes: Takes, faults: Iterable[Fault] | None = None) -> dict[int, list[tuple[str, str]]]:
    """The public codes that a call of such an operation can end with, each with its sentence, by status."""
    answers: dict[int, dict[str, str]] = {}
    for fault in catalogue() if faults is None else faults:
        if _can_happen(fault, takes):
            answers.setdefault(fault.status, {}).setdefault(fault.public_code, fault.partner)
    return {status: sorted(answers[status].items()) for status in sorted(answers)}


def _can_happen(fault: Fault, takes: Takes) -> bool:
    if fault.status == _NEVER_SENT or fault.phase in _OF_A_CONNECTION:
        return False
    if fault.public_code in _OF_A_CLIENT or fault.code.startswith(_OF_GRAPHQL):
        return False
    match fault.code:
        case "fields_invalid":
            return takes.fields
        case "contract_violation_request":
            return takes.input
        case _ if fault.code.startswith("body_") and fault.phase in {"transform_request", "send"}:
            return takes.body
        case _:
            return True


def problem_schema() -> dict[str, Any]:
    """What all problems have (core/src/problem.rs)."""
    return {
        "type": "object",
        "description": "Why a call failed, and whose move it is (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Names the kind of problem."},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "One sentence for a person."},
            "instance": {"type": "string", "description": "The request's id, as in the header X-Request-Id."},
            "code": {"type": "string", "description": "Names the kind of problem for programs."},
            "blame": {
                "type": "string",
                "description": "Who has to act.",
                "examples": ["partner", "policy", "gateway", "backend"],
            },
            "retryable": {"type": "boolean", "description": "Whether the same call may succeed later."},
            "violated-policies": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The policies that refused the call, where one did.",
            },
            "errors": {
                "type": "array",
                "description": "What is wrong with the request, where it did not fit.",
                "items": {
                    "type": "object",
                    "properties": {
                        "in": {"type": "string", "examples": ["body", "path", "query", "header"]},
                        "pointer": {"type": "string", "description": "Where in the body: a JSON Pointer (RFC 6901)."},
                        "name": {"type": "string", "description": "The parameter, where it is one."},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                    "required": ["detail"],
                },
            },
        },
        "required": ["type", "title", "status", "detail", "instance", "code", "blame", "retryable"],
    }


def content(codes: Iterable[tuple[str, str]], problem: str) -> dict[str, Any]:
    """The content of a problem that has one of these codes; `problem` refers to what all problems have."""
    said = {"properties": {"code": {"enum": [code for code, _ in codes]}}}
    return {PROBLEM_TYPE: {"schema": {"allOf": [{"$ref": problem}, said]}}}


def description(codes: Iterable[tuple[str, str]]) -> str:
    """One line per code."""
    return "\n".join(f"- `{code}`: {sentence}" for code, sentence in codes)
