"""What stands against a plan: things that can't be changed or deleted as they are, each with the way out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from portazgo.declarative.domain import Kind, Ref, State, Terms, World
from portazgo.declarative.problems import Problem
from portazgo.declarative.rules.lines import Step, Worlds, counted, enumerated
from portazgo.routes.domain import Address, addresses

_SHARED = "HS256"


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
    needs = _NEEDS.get(ref.kind)
    return [] if needs is None else needs(ref, terms)


def _of_route(ref: Ref, terms: Terms) -> list[Ref]:
    contract = (terms["contract"] or "").partition("@")[0]
    return [Ref("backend", terms["backend"]), Ref("api", ref.parent), Ref("contract", contract)]


def _of_application(ref: Ref, terms: Terms) -> list[Ref]:
    return [Ref("plan", terms["plan"] or ""), Ref("partner", ref.parent), *_pinned(terms)]


def _pinned(terms: Terms) -> list[Ref]:
    return [Ref("contract", version.partition("@")[0]) for version in terms["contracts"].values()]


_NEEDS: dict[Kind, Callable[[Ref, Terms], list[Ref]]] = {
    "route": _of_route,
    "schema": lambda _, terms: [Ref("backend", terms["backend"])],
    "contract": lambda _, terms: [Ref("api", terms["api"]), Ref("schema", terms["schema"])],
    "plan": lambda _, terms: [*(Ref("api", name) for name in terms["apis"]), *_pinned(terms)],
    "partner": lambda _, terms: _pinned(terms),
    "application": _of_application,
}


def _issuer(step: Step, state: State) -> Iterator[Problem]:
    assert step.after is not None  # noqa: S101 - of what is made or changed
    url = step.after["url"]
    if url is None:
        yield Problem(step.ref.pointer, f"there is no {step.ref} yet: write its url, and apply makes it")
    elif step.before is not None:
        if step.changed("url"):
            yield Problem(
                f"{step.ref.pointer}/url",
                f"the {step.ref} signs as {step.before['url']} and stays so, since tokens and backends name it: "
                "write another issuer beside it",
            )
        if step.changed("algorithm"):
            yield Problem(
                f"{step.ref.pointer}/algorithm",
                f"the {step.ref} signs with {step.before['algorithm']} where a backend says nothing else, and stays so: "
                "write another issuer beside it, or name the algorithm in the backend",
            )
        if step.before["algorithm"] == _SHARED and step.after["rotate_every_seconds"] is not None:
            yield _no_schedule(step)
    elif step.after["algorithm"] == _SHARED:
        # Its secret would be shown to nobody, or stand in the file.
        yield Problem(
            f"{step.ref.pointer}/algorithm",
            f"the {step.ref} is not there yet, and a file makes none that shares a secret: make it with "
            f"`portazgo issuer create {step.ref.name} --url {url} --algorithm {_SHARED}`, and name it here then",
        )
    else:
        for other, thing in state.things.items():
            if other.kind == "issuer" and thing.terms["url"] == url:
                yield Problem(f"{step.ref.pointer}/url", f"the {other} has this URL already: name that one")


def _no_schedule(step: Step) -> Problem:
    return Problem(
        f"{step.ref.pointer}/rotate_every",
        f"the {step.ref} shares a secret, which can't be rotated on schedule: the backend must be given the new one by hand",
    )


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
