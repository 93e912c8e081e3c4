"""What a backend notes about its objects for itself: audit trail, storage keys, flags, costs, scores.

The same functions fill seeded rows (with a seeded source of chance) and rows made through the API.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

REGIONS = ("norte-1", "norte-2", "costa-1", "sierra-1")
FLAGS = ("new_renderer", "lazy_thumbnails", "wallet_push", "bulk_revocation", "ledger_v3", "fraud_shadow_mode")
SHARE_OF_FLAGS_ON = 0.4
# Addresses reserved for documentation (RFC 5737).
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and when."""

    name: str
    at: datetime


def internals_of_new(kind: str, author: Author, chance: Random) -> dict[str, Any]:
    """Return the internal columns of an object of `kind` ("award", ...) that `author` is making."""
    return {
        "tenant_shard": f"shard-{chance.randrange(24):02d}",
        "created_at": author.at,
        "updated_at": author.at,
        "audit_trail": [
            audit_entry(f"{kind}.requested", Author("intake-worker-4", author.at - timedelta(seconds=40)), chance),
            audit_entry(f"{kind}.created", author, chance),
        ],
        "storage": _storage(kind, chance),
        "feature_flags": {flag: chance.random() < SHARE_OF_FLAGS_ON for flag in FLAGS},
        "costs": _costs(chance),
        "scoring": _scoring(chance),
    }


def audit_entry(action: str, author: Author, chance: Random) -> dict[str, str]:
    """Return one line of an audit trail."""
    return {
        "at": author.at.isoformat(),
        "actor": author.name,
        "action": action,
        "source_ip": f"{chance.choice(NETWORKS)}.{chance.randrange(1, 255)}",
        "session": f"ses_{chance.randbytes(8).hex()}",
    }


def _storage(kind: str, chance: Random) -> dict[str, Any]:
    object_key = f"{kind}/{chance.randrange(256):02x}/{chance.randbytes(10).hex()}.bin"
    regions = chance.sample(REGIONS, 2)
    return {
        "bucket": f"insignia-objects-{chance.randrange(8):02d}",
        "object_key": object_key,
        "checksum_sha256": chance.randbytes(32).hex(),
        "region": regions[0],
        "replica_region": regions[1],
    }


def _costs(chance: Random) -> dict[str, str]:
    return {
        "currency": "EUR",
        "rendering": _amount(chance, 900),
        "storage": _amount(chance, 120),
        "delivery": _amount(chance, 60),
        "support_share": _amount(chance, 2000),
    }


def _amount(chance: Random, most_ten_thousandths: int) -> str:
    return f"0.{chance.randrange(most_ten_thousandths):04d}"


def _scoring(chance: Random) -> dict[str, Any]:
    return {
        "model": f"mirador-{chance.randrange(3, 6)}.{chance.randrange(10)}",
        "fraud_risk": chance.randrange(1000) / 1000,
        "engagement": chance.randrange(1000) / 1000,
        "duplicate_of_probability": chance.randrange(100) / 1000,
        "segment": chance.choice(("steady", "rising", "dormant", "new")),
    }
