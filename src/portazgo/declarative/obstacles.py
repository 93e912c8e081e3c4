"""What stands against a plan: things that can't be changed or deleted as they are, each with the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from portazgo.declarative.domain import Ref, State, Terms, World
from portazgo.declarative.problems import Problem
from portazgo.declarative.rules.lines import Step, Worlds, counted, enumerated
from portazgo.routes.domain import Address, addresses


def obstacles(steps: Sequence[Step], state: State, worlds: Worlds) -> Iterator[Problem]:
    """Find everything that would keep the steps from being taken."""
    users = _users(worlds.after.world)
    for step in steps:
        if step.after is None:
            yield from _deleting(step.ref, state, users)
        elif step.ref.kind == "issuer":
            yield from _issuer(step, state)
        elif step.ref.kind == "application" and step.before is not None and step.changed("environment"):
            yield Problem(
                f"{step.ref.pointer}/environment",
                f"the {step.ref} is for {step.before['environment']} and stays so, since its keys say it: "
                "write another application beside it",
            )
    yield from _taken_places(steps, worlds.after.world)


def _deleting(ref: Ref, state: State, users: Mapping[Ref, Sequence[Ref]]) -> Iterator[Problem]:
    if keys := state.keys.get(ref, 0):
        yield Problem(
            "/partners",
            f"the {ref} can't be deleted: it has {counted(keys, 'key')}, and keys are kept for ever. "
            "Leave it in the file with `status: suspended`",
        )
    if names := [str(user) for user in sorted(users.get(ref, ()))]:
        yield Problem(
            f"/{ref.kind}s",
            f"the {ref} can't be deleted: {enumerated(names)} still {'need' if len(names) > 1 else 'needs'} it "
            "and this file does not own that",
        )


def _users(after: World) -> dict[Ref, list[Ref]]:
    """Say of each thing what can't be without it."""
    users: dict[Ref, list[Ref]] = {}
    for ref, terms in after.items():
        for needed in _needs(ref, terms):
            users.setdefault(needed, []).append(ref)
    return users


def _needs(ref: Ref, terms: Terms) -> list[Ref]:
    if ref.kind == "route":
        return [Ref("backend", terms["backend"]), Ref("api", ref.parent)]
    if ref.kind == "plan":
        return [Ref("api", name) for name in terms["apis"]]
    if ref.kind == "application":
        return [Ref("plan", terms["plan"] or ""), Ref("partner", ref.parent)]
    return []


def _issuer(step: Step, state: State) -> Iterator[Problem]:
    assert step.after is not None  # noqa: S101 - of what is made or changed
    url = step.after["url"]
    if url is None:
        yield Problem(step.ref.pointer, f"there is no {step.ref} yet: write its url, and apply makes it")
    elif step.before is not None:
        yield Problem(
            f"{step.ref.pointer}/url",
            f"the {step.ref} signs as {step.before['url']} and stays so, since tokens and backends name it: "
            "write another issuer beside it",
        )
    else:
        for other, thing in state.things.items():
            if other.kind == "issuer" and thing.terms["url"] == url:
                yield Problem(f"{step.ref.pointer}/url", f"the {other} has this URL already: name that one")


def _taken_places(steps: Sequence[Step], after: World) -> Iterator[Problem]:
    """Find routes that could not be told apart from routes that are there and stay."""
    changing = {step.ref for step in steps}
    taken: dict[Address, Ref] = {}
    for ref, terms in after.items():
        if ref.kind == "route" and ref not in changing:
            taken |= dict.fromkeys(addresses(terms["hosts"], terms["method"], terms["path"]), ref)
    for step in steps:
        if step.ref.kind != "route" or step.after is None:
            continue
        places = addresses(step.after["hosts"], step.after["method"], step.after["path"])
        other = next((taken[place] for place in places if place in taken), None)
        if other is not None:
            method, path = step.after["method"], step.after["path"]
            yield Problem(step.ref.pointer, f"{method} {path} can't be told apart from the {other}, which is there")
