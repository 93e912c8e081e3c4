"""How keys are compiled for nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key, KeySecret
from portazgo.kit.clock import microseconds
from portazgo.snapshot.wire import ImportedBody, KeyBody, Resource, SecretBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

DIGEST = "key.hmac-sha256.1"
NETWORKS = "key.networks.1"
SCOPES = "key.scopes.1"
IMPORTED = "key.imported.1"
CERTIFICATES = "key.client-certificate.1"
ROUTES = "key.routes.1"


def compiled(kid: str) -> Resource | None:
    """Compile a key, as the database has it now. There is nothing of one that was deleted."""
    return next(compiled_many([kid]), None)


def compiled_many(kids: Sequence[str]) -> Iterator[Resource]:
    """Compile those of these keys that were not deleted."""
    rows = Key.objects.filter(kid__in=kids, deleted_at=None).prefetch_related("secrets")
    return (_compiled(key) for key in rows)


def every_kid() -> Iterable[str]:
    """Name the keys that are not deleted."""
    return Key.objects.filter(deleted_at=None).values_list("kid", flat=True).iterator()


def _compiled(key: Key) -> Resource:
    body = KeyBody(
        application=str(key.application_id),
        status=_status(key),  # type: ignore[typeddict-item]  # a column of text
        name=key.name,
        # In one order, so that what did not change compiles to the same line.
        secrets=[_secret(secret) for secret in sorted(key.secrets.all(), key=lambda secret: secret.slot)],
        expires_at_us=_us(key.expires_at),
        scopes=key.scopes,
        networks=key.networks,
    )
    features = [DIGEST]
    features += [NETWORKS] if key.networks is not None else []
    features += [SCOPES] if key.scopes is not None else []
    if key.client_certificates is not None:
        # Absent, not null: nodes before the feature refuse a member that they don't know.
        body["client_certificates"] = key.client_certificates
        features.append(CERTIFICATES)
    features += [IMPORTED] if any("imported" in secret for secret in body["secrets"]) else []
    if key.routes is not None or key.route_tags is not None:
        body["routes"] = key.routes or []
        body["route_tags"] = key.route_tags or []
        features.append(ROUTES)
    return Resource("key", key.kid, tuple(features), body)


def _secret(secret: KeySecret) -> SecretBody:
    body = SecretBody(
        slot=secret.slot,  # type: ignore[typeddict-item]  # a column of text
        digest=secret.digest,
        pepper=secret.pepper_id,
        ends_at_us=_us(secret.ends_at),
    )
    if secret.scheme is not None and secret.lookup is not None:
        body["imported"] = ImportedBody(scheme=secret.scheme, lookup=secret.lookup)  # type: ignore[typeddict-item]  # likewise
    return body


def _status(key: Key) -> str:
    # To nodes a canary is a disabled key: it costs nothing, is refused like any other, and its record has the kid, and
    # not only the claimed one, when the secret was right.
    return KeyStatus.DISABLED.value if key.canary and key.status == KeyStatus.ACTIVE else key.status


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)
