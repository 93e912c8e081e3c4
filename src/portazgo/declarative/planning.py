"""The plan of an apply: what is made, changed, deleted and taken over, what that means, and what stands against it. Pure.

`diff` shows a plan and `apply` carries it out; both come from `plan`, and `Plan.fingerprint` tells whether what is
carried out is what was shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from portazgo.declarative.domain import DEFAULT_ALGORITHM, KINDS, Ref, State, Terms, World, canonical
from portazgo.declarative.obstacles import obstacles
from portazgo.declarative.problems import Problem
from portazgo.declarative.rules import RULES
from portazgo.declarative.rules.access import Access
from portazgo.declarative.rules.lines import EFFECTS, Effect, Line, Step, Worlds


@dataclass(frozen=True, slots=True)
class Takeover:
    """What a file may take over that it did not make."""

    unowned: bool = False
    """Things that no file owns and that differ from what this one says; equal ones are taken over in any case."""
    owners: frozenset[str] = frozenset()
    """Files whose things this one may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do. Without `problems` it can be done."""

    name: str
    steps: Sequence[Step] = ()
    lines: Sequence[Line] = ()
    takes_over: Sequence[Ref] = ()
    """What becomes the file's without being made by it."""
    releases: Sequence[Ref] = ()
    """Issuers that the file no longer names: they stay, since tokens of theirs may be under way."""
    problems: Sequence[Problem] = field(default=())
    after: World = field(default_factory=dict)
    """What there is then."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """OpenAPI documents by their SHA-256, which the steps name alone."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different; marks of ownership are no difference to anybody."""
        return not self.steps

    @property
    def is_guarded(self) -> bool:
        """Whether it exposes, breaks or deletes something, so that it wants a word from a person."""
        return any(step.action == "delete" for step in self.steps) or any(line.effect != "rest" for line in self.lines)

    @property
    def fingerprint(self) -> str:
        """Tell this plan from every other: the same steps with the same effects on the same applications."""
        steps = [[step.ref, step.before, step.after] for step in self.steps]
        lines = [[line.effect, line.ref, line.sentence, line.affects] for line in self.lines]
        text = canonical([self.name, steps, lines, self.takes_over, self.releases])
        return hashlib.sha256(text.encode()).hexdigest()

    def of(self, effect: Effect) -> list[Line]:
        """Give the lines under one heading."""
        return [line for line in self.lines if line.effect == effect]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an apply. `number` and `revision` are None where there was nothing to do."""

    plan: Plan
    number: int | None = None
    revision: int | None = None


def plan(name: str, wanted: Mapping[Ref, Terms], state: State, takeover: Takeover) -> Plan:
    """Compare what a file says with what there is."""
    wanted = _settled(wanted, state)
    mine = {ref for ref, thing in state.things.items() if thing.owner == name}
    gone = [ref for ref in mine if ref not in wanted]
    steps = [step for ref in wanted if (step := _step(ref, wanted[ref], state)) is not None]
    steps += [Step(ref, state.things[ref].terms, None) for ref in gone if ref.kind != "issuer"]
    steps.sort(key=lambda step: (step.after is None, KINDS.index(step.ref.kind), step.ref.name))
    after = _after(state, steps)
    worlds = Worlds(Access(state.world), Access(after), state.tagged)
    return Plan(
        name,
        steps,
        sorted(_lines(steps, worlds), key=lambda line: EFFECTS.index(line.effect)),
        sorted(ref for ref in wanted if ref in state.things and ref not in mine),
        sorted(ref for ref in gone if ref.kind == "issuer"),
        [*_conflicts(name, wanted, state, takeover), *obstacles(steps, state, worlds)],
        after,
    )


def _settled(wanted: Mapping[Ref, Terms], state: State) -> dict[Ref, Terms]:
    """Fill in what a file leaves to what there is: URL and algorithm of an issuer that exists."""
    settled = {
        ref: _settled_issuer(ref, terms, state) if ref.kind == "issuer" else terms for ref, terms in wanted.items()
    }
    algorithms = {
        ref.name: terms["algorithm"] for ref, terms in {**state.world, **settled}.items() if ref.kind == "issuer"
    }
    settled = {
        ref: _settled_backend(terms, algorithms) if ref.kind == "backend" else terms for ref, terms in settled.items()
    }
    return {
        ref: _settled_route(terms, settled, state) if ref.kind == "route" else terms for ref, terms in settled.items()
    }


def _settled_route(terms: Terms, wanted: Mapping[Ref, Terms], state: State) -> Terms:
    """Write the newest version of a contract by the contract's name alone, unless a newer one is about to be published."""
    name, _, version = (terms["contract"] or "").partition("@")
    contract = Ref("contract", name)
    if not version or state.versions.get(name, [""])[-1] != version:
        return terms
    if contract in wanted and _step(contract, wanted[contract], state) is not None:
        return terms
    return {**terms, "contract": name}


def _settled_issuer(ref: Ref, terms: Terms, state: State) -> Terms:
    there = state.things.get(ref)
    if there is None:
        return {**terms, "algorithm": terms["algorithm"] or DEFAULT_ALGORITHM}
    known = there.terms
    # One that is only named stays as it is; one that is described without a schedule has none.
    only_named = terms["url"] is None and terms["rotate_every_seconds"] is None
    settled = {name: terms[name] or known[name] for name in ("url", "algorithm")}
    return {**terms, **settled, **({"rotate_every_seconds": known["rotate_every_seconds"]} if only_named else {})}


def _settled_backend(terms: Terms, algorithms: Mapping[str, str]) -> Terms:
    """Leave out an algorithm that is the issuer's own: a file that names it says the same as one that doesn't."""
    environments = {}
    for name, one in terms["environments"].items():
        credential = one["credential"]
        if credential.get("algorithm") is not None and credential["algorithm"] == algorithms.get(credential["issuer"]):
            credential = {**credential, "algorithm": None}
        environments[name] = {**one, "credential": credential}
    return {**terms, "environments": environments}


def _step(ref: Ref, terms: Terms, state: State) -> Step | None:
    there = state.things.get(ref)
    if there is None:
        return Step(ref, None, terms)
    return None if canonical(there.terms) == canonical(terms) else Step(ref, there.terms, terms)


def _after(state: State, steps: Sequence[Step]) -> dict[Ref, Terms]:
    world = state.world
    for step in steps:
        if step.after is None:
            world.pop(step.ref)
        else:
            world[step.ref] = step.after
    return world


def _lines(steps: Sequence[Step], worlds: Worlds) -> Iterator[Line]:
    for step in steps:
        lines = list(RULES[step.ref.kind](step, worlds))
        exposing = {line.sentence for line in lines if line.effect == "exposes"}
        for line in lines:
            if line.effect != "breaks" or line.affects:
                yield line
            elif line.sentence not in exposing:
                # What nobody notices breaks nothing; what nobody has yet is exposed all the same.
                yield replace(line, effect="rest")


def _conflicts(name: str, wanted: Mapping[Ref, Terms], state: State, takeover: Takeover) -> Iterator[Problem]:
    for ref, terms in wanted.items():
        there = state.things.get(ref)
        if there is None or there.owner == name:
            continue
        if there.owner is not None and there.owner not in takeover.owners:
            yield Problem(
                ref.pointer,
                f'the {ref} belongs to the file named "{there.owner}": leave it there, choose another name, '
                f"or take it over with --take-from {there.owner}",
            )
        elif there.owner is None and not takeover.unowned and canonical(there.terms) != canonical(terms):
            yield Problem(
                ref.pointer,
                f"the {ref} exists, no file owns it, and it differs from what stands here: choose another name, "
                "or have this file take it over with --adopt (`diff --adopt` shows what that changes)",
            )


def summary(planned: Plan) -> dict[str, int]:
    """Count what a plan does."""
    actions = [step.action for step in planned.steps]
    return {
        "created": actions.count("create"),
        "changed": actions.count("change"),
        "deleted": actions.count("delete"),
        "taken_over": len(planned.takes_over),
    }
