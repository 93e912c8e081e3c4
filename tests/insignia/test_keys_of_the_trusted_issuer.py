"""The trusted issuer's keys are cached, fetched again for an unknown key, and missed without a crash."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from insignia.conftest import Insignia, OutsideIssuer

BADGES = "/api/badges/?page_size=1"
# insignia/access/trusted_issuer.py: REFETCH_PAUSE_SECONDS
PAUSE_SECONDS = 2


def test_keys_are_fetched_once_for_many_tokens(insignia: Insignia, issuer: OutsideIssuer) -> None:
    insignia.call("GET", BADGES, token=issuer.token())
    before = issuer.fetches
    statuses = [insignia.call("GET", BADGES, token=issuer.token()).status for _ in range(5)]
    assert (statuses, issuer.fetches) == ([200] * 5, before)


def test_new_keys_are_fetched_after_a_pause(insignia: Insignia, issuer: OutsideIssuer) -> None:
    algorithms = ["ES256", "EdDSA", "RS256"]
    for algorithm in algorithms:
        issuer.publish(f"new-{algorithm}", algorithm)
    time.sleep(PAUSE_SECONDS)
    before = issuer.fetches
    tokens = [issuer.token(f"new-{algorithm}") for algorithm in algorithms * 2]
    statuses = [insignia.call("GET", BADGES, token=token).status for token in tokens]
    assert (statuses, issuer.fetches) == ([200] * 6, before + 1)


def test_unknown_keys_cannot_make_it_fetch_more_often(insignia: Insignia, issuer: OutsideIssuer) -> None:
    unknown = issuer.token().replace(issuer.token().split(".")[0], "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vbmUifQ")
    before = issuer.fetches
    statuses = [insignia.call("GET", BADGES, token=unknown).status for _ in range(10)]
    assert statuses == [401] * 10
    assert issuer.fetches <= before + 1


def test_without_reachable_keys_it_says_so_and_its_own_users_go_on(
    lonely_insignia: Insignia, issuer: OutsideIssuer
) -> None:
    replies = [lonely_insignia.call("GET", BADGES, token=issuer.token()) for _ in range(3)]
    assert [reply.status for reply in replies] == [503] * 3
    assert replies[0].json == {"detail": "The trusted issuer's keys could not be fetched."}
    own = lonely_insignia.login()["access"]
    assert lonely_insignia.call("GET", BADGES, token=own).status == 200
    # Three tokens, one attempt: the pause holds for failures too.
    assert lonely_insignia.log().count("keys could not be fetched") == 1
