"""The two databases, the master key that opens what is sealed in them, and the file of dead keys beside them."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.care.dead_keys import dead_kids
from portazgo.care.facts import migrations
from portazgo.care.failed import CareFailed
from portazgo.care.finding import Finding, count, skipped, warning, well, wrong
from portazgo.care.looking import looked_at
from portazgo.care.manifest import REVOCATIONS, known_migrations
from portazgo.care.master_key import open_providers
from portazgo.care.surroundings import Surroundings, is_here
from portazgo.kit.wrapping import sealed_by
from portazgo.kit.wrapping.uri import Local, parse_uri
from portazgo.settings_kinds import DatabaseURL


def databases(around: Surroundings) -> Iterator[Finding]:
    """Can they be reached, and are they of this version?"""
    for word, url, schema in around.databases:
        if is_here(url):
            yield _database(word, url, schema)
        else:
            yield skipped(f"there is no {word} {url} yet")


def _database(word: str, url: DatabaseURL, schema: str) -> Finding:
    try:
        with looked_at(url, schema) as query:
            applied = set(migrations(query))
    except CareFailed as problem:
        return wrong(problem.sentence, problem.remedy)
    newer, missing = sorted(applied - known_migrations()), sorted(known_migrations() - applied)
    if newer:
        return wrong(
            f"the {word} {url} is newer than this version of Portazgo (it has {' '.join(newer[-1])})",
            "install the version that made it, or restore a backup",
        )
    if missing:
        return wrong(f"the {word} {url} is older than this version of Portazgo", "run `portazgo migrate`")
    return well(f"the {word} {url} can be reached and is of this version")


def master_key(around: Surroundings) -> Iterator[Finding]:
    """Is it there, and does it open what the state holds?"""
    place = parse_uri(around.settings.wrapping)
    name = str(place.file(around.settings.data_dir)) if isinstance(place, Local) else f"aws-kms:{place.key}"
    state = around.state
    if state is None and isinstance(place, Local) and not place.file(around.settings.data_dir).exists():
        yield skipped("there is none yet, and no state that would need it")
        return
    try:
        wrapper = open_providers(around.settings)
        if state is None:
            yield skipped(f"{name} can be read; there is no state here to try it on")
            return
        state.require_opened_by(wrapper)
    except CareFailed as problem:
        yield wrong(problem.sentence, problem.remedy)
        return
    sealers = {sealed_by(text) for _, text in state.sealed}
    if len(sealers) > 1:
        yield warning(
            f"what the state holds was sealed by {' and '.join(sorted(sealers))}",
            "see `portazgo wrapping status`; `portazgo wrapping rotate` brings all of it to one",
        )
        return
    yield well(f"{name} opens what the state holds sealed ({count(len(state.sealed), 'secret')})")


def revocations(around: Surroundings) -> Iterator[Finding]:
    """Does the file beside the data know every dead key, and the state all that the file knows?"""
    if around.state is None:
        yield skipped("there is no state here")
        return
    path = around.settings.data_dir / REVOCATIONS
    in_file = set(dead_kids(path.read_text("utf-8", errors="replace"))) if path.exists() else set()
    in_state = {str(kid) for (kid,) in around.rows("SELECT identifier FROM security WHERE operation = 'revoke_key'")}
    living = {str(kid) for (kid,) in around.rows("SELECT kid FROM \"key\" WHERE status <> 'revoked'")}
    forgotten, risen = in_state - in_file, living & in_file
    if risen:
        yield wrong(
            f"{path} calls {count(len(risen), 'key')} dead that the state does not (an older database?), such as {min(risen)}",
            "start the control plane anew: it revokes them before it serves",
        )
    if forgotten:
        yield warning(
            f"{path} lacks {count(len(forgotten), 'revoked key')}, such as {min(forgotten)}",
            "start the control plane anew: it adds them",
        )
    if not risen and not forgotten:
        yield well(f"{count(len(in_file), 'revoked key')} in the state and in {path.name}")
