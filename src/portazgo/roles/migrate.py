"""`portazgo migrate`: brings the databases to this version; the first time also makes what a deployment begins with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from portazgo.control.boot import boot
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import StartRefused
from portazgo.kit.wrapping import WrappingFailed

if TYPE_CHECKING:
    from portazgo.settings import Settings

logger = logging.getLogger(__name__)


def run_migrate(settings: Settings) -> int:
    """Migrate, then make the first credentials where they are missing.

    Returns 0; raises StartRefused, also while a recovery is under way.
    """
    boot(settings)
    from portazgo.control.databases import migrate  # noqa: PLC0415 - Django is set up now
    from portazgo.control.presence import shared  # noqa: PLC0415

    with shared(settings):
        migrate()
        _first_credentials(settings)
        _bring_within_bounds()
    return 0


def _bring_within_bounds() -> None:
    """What an earlier version allowed and this one doesn't."""
    from portazgo.accounts.domain import SYSTEM  # noqa: PLC0415 - Django is set up now
    from portazgo.backends.token_lives import bound_token_lives  # noqa: PLC0415
    from portazgo.snapshot.verify import recompile  # noqa: PLC0415

    if names := bound_token_lives(SYSTEM, clock=SYSTEM_CLOCK):
        logger.warning("token lives were brought within their bounds", extra={"backends": names})
    # Nodes can't cut a document that an earlier version compiled whole, and refuse it to whoever may not call all of it.
    if count := recompile(SYSTEM, kind="contract_document", clock=SYSTEM_CLOCK):
        logger.info("partners' documents were compiled anew", extra={"documents": count})


def _first_credentials(settings: Settings) -> None:
    """The first issuer with a key that signs, this machine's admin token and node token."""
    from portazgo.accounts.domain import SYSTEM  # noqa: PLC0415 - Django is set up now
    from portazgo.accounts.service import ensure_bootstrap_token  # noqa: PLC0415
    from portazgo.control.provider import require_wrapper, wrapper  # noqa: PLC0415
    from portazgo.nodes.tokens import ensure_node_token  # noqa: PLC0415
    from portazgo.signing.service import ensure_default_issuer  # noqa: PLC0415

    require_wrapper()
    try:
        made = {
            "issuer": ensure_default_issuer(SYSTEM, settings.issuer_url, wrapper=wrapper(), clock=SYSTEM_CLOCK),
            "admin token": ensure_bootstrap_token(settings.admin_token_file, clock=SYSTEM_CLOCK),
            "node token": ensure_node_token(settings.node_token_file, clock=SYSTEM_CLOCK),
        }
    except WrappingFailed as problem:
        raise StartRefused(str(problem), "bring back the key file that belongs to this database") from None
    logger.info("databases are up to date", extra={"made": [name for name, new in made.items() if new]})
