"""Use case: call a backend with a token as a node makes it, and say what its answer means."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.backends import login_trial
from portazgo.backends.claims import MissingValue, reads_key
from portazgo.backends.explaining import (
    KeySetSeen,
    Observed,
    Presented,
    explain,
    explain_open,
    explain_silence,
    plain,
    succeeded,
)
from portazgo.backends.logins import is_login
from portazgo.backends.models import Backend
from portazgo.backends.probing import NoReply, Reply, get
from portazgo.backends.tokens import PROBE_ID, PROBE_KEY, Caller, probe, token_claims
from portazgo.kit.errors import Invalid
from portazgo.kit.outbound import FetchFailed, fetch
from portazgo.kit.private_address import AddressRefused
from portazgo.kit.secret import Secret
from portazgo.kit.web.rows import the_one
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed
from portazgo.signing.minting import Minted, NothingSigns, mint
from portazgo.signing.models import Issuer
from portazgo.snapshot.compilers import compile_resource
from portazgo.snapshot.wire import Kind, ResourceRef

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.kit.clock import Clock

LARGEST_KEY_SET_BYTES = 65_536
_NO_TOKEN = Secret("")
_REFUSALS = frozenset({401, 403})
_APPLICATIONS = "applications"  # its table lies above this part
_PROBE_KEY_NOTE = "The claims read the key, and none takes part in a test: the token names one that doesn't exist."


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be tried. `application` None: as a probe, which is nobody."""

    backend: UUID
    path: str
    environment: str
    application: UUID | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the backend said, and what that means. `status` None: it was not called, or did not answer."""

    ok: bool
    status: int | None
    target: str
    claims: Mapping[str, Any] | None
    findings: list[str]


@dataclass(frozen=True, slots=True)
class _Made:
    """A token that is about to be presented."""

    minted: Minted
    claims: Mapping[str, Any]
    presented: Presented
    reads_key: bool


class _NotMade(Exception):
    """The gateway would refuse to mint: why."""


def try_out(actor: Actor, attempt: Attempt, *, wrapper: KeyWrapper, clock: Clock) -> Outcome:
    """Try it. Raises NotFound, Forbidden, Invalid for an environment or an application that doesn't fit.

    It makes a credential and sends it, so it asks for the right to change backends, and leaves an audit row; as an
    application, also for the right to read applications.
    """
    can(actor, Verb.CHANGE, Backend.noun)
    if attempt.application is not None:
        # The answer holds its claims: names, metadata, scopes.
        can(actor, Verb.READ, _APPLICATIONS)
    backend = the_one(Backend.objects.all(), "backend", id=attempt.backend)
    settings = backend.environments.get(attempt.environment)
    if settings is None:
        raise Invalid.at("/environment", f"the backend {backend.name} has no {attempt.environment} environment")
    caller = probe(attempt.environment) if attempt.application is None else _caller(attempt)
    target = settings["targets"][0]
    with transaction.atomic():
        details = {"path": attempt.path, "environment": attempt.environment}
        record(actor, "backend.tested", str(backend.id), clock=clock, details=details)
    if is_login(settings["credential"]):
        return _log_in_and_call(backend, settings, attempt, caller, actor, wrapper, clock)
    try:
        made = _make(settings["credential"], caller, wrapper, clock.now())
    except _NotMade as why:
        return Outcome(ok=False, status=None, target=target, claims=None, findings=[str(why)])
    return _call(backend, settings, attempt, made, actor, clock)


def _call(
    backend: Backend, settings: Mapping[str, Any], attempt: Attempt, made: _Made | None, actor: Actor, clock: Clock
) -> Outcome:
    target = settings["targets"][0]
    token = made.minted.token if made else _NO_TOKEN
    claims = made.claims if made else None
    try:
        reply = _get(settings, attempt.path, _headers(token, actor))
    except NoReply as problem:
        findings = [explain_silence(target, problem.reason)]
        return Outcome(ok=False, status=None, target=target, claims=claims, findings=findings)
    seen = Observed(
        backend=backend.name,
        target=target,
        path=attempt.path,
        status=reply.status,
        challenge=plain(reply.headers.get("www-authenticate", ""), token.reveal()),
        said=plain(_words(reply), token.reveal()),
        location=reply.headers.get("location"),
        skew_seconds=_skew(reply, clock.now()),
        token=made.presented if made else None,
        key_set=_key_set(made.presented) if made and reply.status in {401, 403, 500, 502, 503} else None,
    )
    notes = [_PROBE_KEY_NOTE] if made and made.reads_key else []
    if made and succeeded(reply.status):
        notes += _without_a_token(attempt.path, settings, actor)
    return Outcome(succeeded(reply.status), reply.status, target, claims, explain(seen) + notes)


def _log_in_and_call(
    backend: Backend,
    settings: Mapping[str, Any],
    attempt: Attempt,
    caller: Caller,
    actor: Actor,
    wrapper: KeyWrapper,
    clock: Clock,
) -> Outcome:
    target = settings["targets"][0]
    try:
        fetched = login_trial.fetch(backend, attempt.environment, caller, wrapper=wrapper, now=clock.now())
    except login_trial.NotFetched as why:
        return Outcome(ok=False, status=None, target=target, claims=None, findings=why.findings)
    headers = {**_headers(_NO_TOKEN, actor), fetched.header: fetched.value.reveal()}
    try:
        reply = _get(settings, attempt.path, headers)
    except NoReply as problem:
        findings = [fetched.finding, explain_silence(target, problem.reason)]
        return Outcome(ok=False, status=None, target=target, claims=None, findings=findings)
    said = plain(_words(reply), fetched.token.reveal())
    if succeeded(reply.status):
        findings = [f"The backend accepted the token: {reply.status}.", fetched.finding]
        findings += _without_a_token(attempt.path, settings, actor)
    elif reply.status in _REFUSALS:
        findings = login_trial.explain_refused(settings["credential"], reply.status, said)
    else:
        location = reply.headers.get("location")
        seen = Observed(backend.name, target, attempt.path, reply.status, "", said, location, None, None, None)
        findings = [*explain(seen), fetched.finding]
    return Outcome(succeeded(reply.status), reply.status, target, None, findings)


def _get(settings: Mapping[str, Any], path: str, headers: Mapping[str, str]) -> Reply:
    """Call the first target as nodes do: by the same rules of TLS, and the same protocol. Raises NoReply."""
    http2 = (settings.get("forwarding") or {}).get("http2", "off")
    return get(settings["targets"][0], path, headers, tls=settings.get("tls"), http2=http2)


def _without_a_token(path: str, settings: Mapping[str, Any], actor: Actor) -> list[str]:
    """Call once more without a token: a backend that doesn't look at it takes any for a good one."""
    try:
        reply = _get(settings, path, _headers(_NO_TOKEN, actor))
    except NoReply:
        return []
    return [explain_open(path, reply.status)] if succeeded(reply.status) else []


def _caller(attempt: Attempt) -> Caller:
    """Read an application as nodes know it, by what is compiled for them."""
    application = _compiled("application", str(attempt.application))
    if application is None:
        raise Invalid.at("/application", f"there is no application {attempt.application}", code="application_unknown")
    if application["environment"] != attempt.environment:
        kind = application["environment"]
        raise Invalid.at("/environment", f"the application {application['name']} is of the environment {kind}")
    partner = _compiled("partner", application["partner"]) or {}
    plan = _compiled("plan", application["plan"]) if application["plan"] else None
    scopes = plan["scopes"] if plan else None
    return Caller(application["partner"], partner, str(attempt.application), application, scopes)


def _compiled(kind: Kind, identifier: str) -> Mapping[str, Any] | None:
    found = compile_resource(ResourceRef(kind, identifier))
    return None if found is None else found.body


def _make(credential: Mapping[str, Any], caller: Caller, wrapper: KeyWrapper, now: datetime) -> _Made | None:
    if credential["kind"] == "none":
        return None
    issuer = Issuer.objects.get(id=credential["issuer"])
    try:
        claims = token_claims(credential, issuer.url, caller, PROBE_KEY, now=now, jti=secrets.token_hex(16))
        minted = mint(credential["issuer"], credential["algorithm"], claims, wrapper=wrapper)
    except MissingValue as problem:
        raise _NotMade(f"No token can be made: {problem}. {_advice(problem.path, caller)}") from None
    except NothingSigns:
        raise _NotMade(
            f"No token can be made: no key of the issuer {issuer.name} signs with {credential['algorithm']}."
        ) from None
    except WrappingFailed as problem:
        raise _NotMade(f"No token can be made: {problem}.") from None
    presented = Presented(
        issuer.url, credential["audience"], credential["algorithm"], minted.kid, credential["life_seconds"]
    )
    return _Made(minted, claims, presented, reads_key(credential["claims"]))


def _advice(path: str, caller: Caller) -> str:
    if caller.application_id == PROBE_ID:
        return "A probe has no such value: name an application with --application."
    if path.startswith("key."):
        return "The gateway refuses calls of keys without scopes whose plan names none either."
    return "The gateway refuses the calls of this application until its metadata has that member."


def _headers(token: Secret, actor: Actor) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "portazgo-backend-test"}
    if actor.request_id:
        headers["X-Request-Id"] = actor.request_id
    return {**headers, "Authorization": f"Bearer {token.reveal()}"} if token else headers


def _words(reply: Reply) -> str:
    """Give a backend's words: those of a JSON document that speak, of anything else the beginning; pages say nothing."""
    text = reply.body.decode("utf-8", "replace")
    if "html" in reply.headers.get("content-type", ""):
        return ""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return text if not isinstance(document, dict) else json.dumps(document, ensure_ascii=False)


def _skew(reply: Reply, now: datetime) -> float | None:
    try:
        said = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return None
    return (said - now).total_seconds() if said.tzinfo else None


def _key_set(token: Presented) -> KeySetSeen | None:
    if token.shares_secret:
        return None
    url = f"{token.issuer}/.well-known/jwks.json"
    try:
        # The operator named this address, not a document: it may be inside.
        found = json.loads(fetch(url, limit_bytes=LARGEST_KEY_SET_BYTES, allow_private=True).body)
        kids = [key.get("kid") for key in found["keys"]]
    except (FetchFailed, AddressRefused) as problem:
        return KeySetSeen(url, f"can't be read: {problem}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return KeySetSeen(url, "is no key set")
    return KeySetSeen(url, None if token.kid in kids else f"holds no key {token.kid}")
