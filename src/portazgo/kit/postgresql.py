"""What every connection to PostgreSQL is told, so that a host that dies without a word holds nobody up for hours."""

from __future__ import annotations

NOTICE_DEAD_SERVER = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Parameters of libpq: a server that went away is noticed within half a minute (PostgreSQL manual, section 34.1.2)."""
NOTICE_DEAD_CLIENT = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""Settings of the server for this connection: what a client that went away had locked is free again as soon."""
