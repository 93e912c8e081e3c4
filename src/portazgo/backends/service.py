"""Use cases of backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.backends.contracts import versions_over
from portazgo.backends.domain import targets_of
from portazgo.backends.forwarding import contradictions, settled
from portazgo.backends.logins import LOGIN_KINDS, destination, for_nodes, is_login
from portazgo.backends.models import Backend, ServiceCredential
from portazgo.kit.errors import Conflict, FieldError, Invalid
from portazgo.kit.targets import is_socket
from portazgo.kit.web.rows import given, refuse_in_use, refuse_taken, the_one
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.models import Issuer
from portazgo.signing.service import signs_with
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import BackendBody, Resource, ResourceRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from portazgo.kit.clock import Clock

HTTP1 = "backend.http1.1"
TLS = "backend.tls.1"
FORWARDING = "backend.forwarding.1"
HTTP2 = "backend.http2.1"
UNIX = "backend.unix.1"
NO_CREDENTIAL = "credential.none.1"
LOGIN = "credential.login.1"


def create(actor: Actor, name: str, environments: Mapping[str, Any], *, clock: Clock) -> Backend:
    """Make a backend. Raises Conflict (`name_taken`), Invalid for an issuer that there isn't."""
    can(actor, Verb.CREATE, Backend.noun)
    backend = Backend(name=name, environments=_complete(environments), created_at=clock.now())
    with change(actor, "backend.created", str(backend.id), details={"name": name}, clock=clock) as recorded:
        refuse_taken(Backend.objects.all(), "backend", name)
        _refuse_shared_secret(backend)
        backend.save(force_insert=True)
        recorded.touches(_ref(backend))
    return backend


def alter(
    actor: Actor, identifier: UUID, *, name: str | None, environments: Mapping[str, Any] | None, clock: Clock
) -> Backend:
    """Rename a backend or replace its environments; None leaves as it is. Raises NotFound, Conflict, Invalid."""
    can(actor, Verb.CHANGE, Backend.noun)
    details = {"members": given(name=name, environments=environments)}
    with change(actor, "backend.changed", str(identifier), details=details, clock=clock) as recorded:
        backend = _locked(identifier)
        if name is not None and name != backend.name:
            refuse_taken(Backend.objects.all(), "backend", name)
            backend.name = name
        if environments is not None:
            after = _complete(environments)
            _guard_destinations(actor, backend, after)
            if targets_of(backend.environments) != targets_of(after):
                recorded.touches(*versions_over(backend))
            backend.environments = after
            _refuse_shared_secret(backend)
        backend.save()
        recorded.touches(_ref(backend))
    return backend


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a backend that no route leads to, and that has no schema. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Backend.noun)
    with change(actor, "backend.deleted", str(identifier), clock=clock) as recorded:
        backend = _locked(identifier)
        refuse_in_use(backend.routes.all(), "backend", "routes")
        refuse_in_use(backend.schemas.all(), "backend", "schemas")
        for credential in backend.service_credentials.all():
            recorded.deletes(ResourceRef("credential", str(credential.id)))
        backend.service_credentials.all().delete()
        recorded.deletes(_ref(backend))
        backend.delete()


def compiled(identifier: str) -> Resource | None:
    """Compile a backend for nodes."""
    backend = Backend.objects.filter(id=identifier).first()
    if backend is None:
        return None
    credentials = [one["credential"] for one in backend.environments.values()]
    features = {HTTP1} | {Algorithm(one["algorithm"]).feature for one in _minted(backend)}
    features |= {NO_CREDENTIAL} if any(one["kind"] == "none" for one in credentials) else set()
    targets = targets_of(backend.environments)
    features |= {TLS} if any(target.startswith("https://") for target in targets) else set()
    features |= {UNIX} if any(is_socket(target) for target in targets) else set()
    forwarding = [one["forwarding"] for one in backend.environments.values() if "forwarding" in one]
    features |= {FORWARDING} if forwarding else set()
    features |= {HTTP2} if any(one.get("http2", "off") != "off" for one in forwarding) else set()
    features |= {LOGIN} if any(one["kind"] in LOGIN_KINDS for one in credentials) else set()
    environments: Any = {
        name: {**one, "credential": for_nodes(one)} if is_login(one["credential"]) else one
        for name, one in backend.environments.items()
    }
    body = BackendBody(name=backend.name, environments=environments)
    return Resource("backend", str(backend.id), tuple(sorted(features)), body)


def _guard_destinations(actor: Actor, backend: Backend, after: Mapping[str, Any]) -> None:
    """Let only those redirect a service credential who may set one: else it could be sent to a place of their own."""
    held = set(backend.service_credentials.values_list("environment", flat=True))
    for name in held & after.keys():
        before = backend.environments.get(name)
        if before is None or destination(before) != destination(after[name]):
            can(actor, Verb.CHANGE, ServiceCredential.noun)


def _complete(environments: Mapping[str, Any]) -> dict[str, Any]:
    """Give what nodes get: absent environments left out, the default issuer named."""
    return {name: _environment(name, one) for name, one in environments.items() if one is not None}


def _environment(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    forwarding = settled(given.get("forwarding"))
    _refuse_contradictions(f"/environments/{name}/forwarding", given["targets"], forwarding)
    # Absent, not null: nodes before the feature refuse a member that they don't know.
    given = {**given, "forwarding": forwarding}
    given = {name: value for name, value in given.items() if name not in {"tls", "forwarding"} or value is not None}
    credential = given["credential"]
    if credential["kind"] == "none":
        return {**given, "credential": {"kind": "none"}}
    at = f"/environments/{name}/credential"
    if not is_login(credential):
        return {**given, "credential": _signed(credential, at)}
    subject = credential.get("subject")
    if subject is not None:
        credential = {**credential, "subject": _signed(subject, f"{at}/subject")}
    return {**given, "credential": credential}


def _signed(minted: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Name who signs, and how."""
    issuer = minted["issuer"]
    found = Issuer.objects.order_by("id").first() if issuer is None else Issuer.objects.filter(id=issuer).first()
    if found is None:
        raise Invalid.at(f"{at}/issuer", f"there is no issuer {issuer or 'yet'}", code="issuer_unknown")
    algorithm = Algorithm(minted.get("algorithm") or found.algorithm)
    if not signs_with(found.id, algorithm):
        raise Invalid.at(
            f"{at}/algorithm",
            f"no key of the issuer {found.name} signs with {algorithm} yet: add one with "
            f"`portazgo issuer key add {found.name} --algorithm {algorithm}`, and wait until it signs",
            code="algorithm_unsigned",
        )
    return {**minted, "issuer": str(found.id), "algorithm": algorithm.value}


def _refuse_shared_secret(backend: Backend) -> None:
    """Raise Conflict (`secret_shared`) where two backends would know one secret: each could make tokens for the other."""
    wanted = _shared(backend)
    for other in Backend.objects.exclude(id=backend.id) if wanted else ():
        if wanted & _shared(other):
            raise Conflict(
                f"the backend {other.name} knows the HS256 secret of this issuer: each could make tokens for the other",
                code="secret_shared",
                remedy="make an issuer of its own for each backend that shares a secret (portazgo issuer create)",
            )


def _shared(backend: Backend) -> set[str]:
    """Name the issuers whose shared secret a backend knows."""
    return {one["issuer"] for one in _minted(backend) if Algorithm(one["algorithm"]).is_shared}


def _minted(backend: Backend) -> list[Mapping[str, Any]]:
    """Give what says of tokens how they are signed: those that are attached, and those that are exchanged."""
    credentials = [one["credential"] for one in backend.environments.values()]
    subjects = [one["subject"] for one in credentials if one.get("subject")]
    return [one for one in credentials if one["kind"] == "mint"] + subjects


def _refuse_contradictions(where: str, targets: Sequence[str], forwarding: Mapping[str, Any] | None) -> None:
    found = [
        FieldError(pointer=f"{where}{member}", message=sentence)
        for member, sentence in contradictions(targets, forwarding)
    ]
    if found:
        raise Invalid("the request is not valid", found)


def _locked(identifier: UUID) -> Backend:
    return the_one(Backend.objects.select_for_update(), "backend", id=identifier)


def _ref(backend: Backend) -> ResourceRef:
    return ResourceRef("backend", str(backend.id))
