"""A call for people: as a line, and as a page with its timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from portazgo.cli.cells import NOTHING, cell, size, visible
from portazgo.cli.output import colours, console, show_pairs
from portazgo.cli.words import fault_sentences, label, say

LIST_COLUMNS = ("time", "request_id", "outcome", "duration_ms", "route_name", "partner_name")
_BAR_COLUMNS = 40
_BLOCKS = " ▏▎▍▌▋▊▉█"
# What stands on a line beside the phase's name and the bar.
_FIGURES = 34
_WHOSE_MOVE = {
    "partner": "the caller's: the request is to be changed",
    "partner_network": "the caller's network: the way to the gateway broke",
    "policy": "the operator's, at the caller's wish: a rule that was set refused it",
    "gateway": "Portazgo's",
    "backend": "the backend's: whoever runs it",
    "backend_network": "whoever runs the network between gateway and backend",
    "platform": "whoever runs what Portazgo runs on: disk, clock, key provider",
}
_NOBODY = "nobody's: it went well"


def listed(one: dict[str, Any]) -> dict[str, Any]:
    """Give a call as a row of a table."""
    return {
        **one,
        "time": _clock(one["started_at"]),
        "outcome": _outcome(one),
        "duration_ms": f"{one['duration_ms']:.1f}",
    }


def show_line(one: dict[str, Any]) -> None:
    """Print a call as a line: of what follows nobody knows the width, so columns have fixed ones."""
    row = listed(one)
    texts = (row["time"], row["request_id"], f"{row['outcome']:<24}", f"{row['duration_ms']:>8}")
    ends = [one["route_name"] or NOTHING, one["partner_name"] or NOTHING]
    click.secho("  ".join((*texts, *map(visible, ends))), fg="red" if one["fault"] and colours() else None)


def show_page(one: dict[str, Any]) -> None:
    """Print all that is known of a call, the answer to "what now?" first."""
    failed = one["fault"] is not None
    sentence, next_step = _sentences(one)
    click.secho(sentence, bold=True, fg="red" if failed else None)
    click.echo()
    show_pairs(_facts(one))
    timeline = list(_timeline(one))
    if timeline:
        click.echo()
        for line in timeline:
            click.echo(line)
    if next_step:
        click.echo("\n" + say("Next: {step}", step=next_step))


def _sentences(one: dict[str, Any]) -> tuple[str, str | None]:
    if one["fault"] is None:
        if one["delivery"] == "complete":
            return say("Answered {status} in {ms} ms.", status=one["status_sent"], ms=f"{one['duration_ms']:.1f}"), None
        return one["sentence"], one["next_step"]
    spoken = fault_sentences(one["fault"])
    return (one["sentence"], one["next_step"]) if spoken is None else (spoken.operator, spoken.next_step)


def _facts(one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield say("Whose move"), say(_WHOSE_MOVE.get(one["blame"] or "", _NOBODY))
    if one["fault"]:
        yield say("Fault"), say("{fault}, in {phase}", fault=one["fault"], phase=one["phase"])
    yield say("When"), cell(one["started_at"], {})
    yield say("Request"), one["request_id"] + _aside(one, "client_request_id")
    yield say("Trace id"), one["trace_id"] or NOTHING
    yield say("Call"), f"{one['method'] or NOTHING} {one['route_name'] or say('no route')}"
    if one.get("contract"):
        yield say("Contract"), one["contract"]
    if one.get("violation"):
        yield say("Broken by"), visible(one["violation"])
    yield say("Caller"), _caller(one)
    yield say("Key"), _key(one)
    yield say("Answer"), _answer(one)
    yield say("Backend"), _backend(one)
    yield say("Billed"), f"{cell(one['billable'], {})} ({one['billable_reason'] or NOTHING}), {one['units']}"
    yield say("Node"), f"{one['node']}, {label('revision')} {one['revision']}"
    if one["count"] != 1:
        yield say("Stands for"), say("{count} refusals ({kind})", count=one["count"], kind=one["kind"])


def _aside(one: dict[str, Any], name: str) -> str:
    return f"  ({say('theirs')}: {visible(one[name])})" if one[name] else ""


def _caller(one: dict[str, Any]) -> str:
    names = [one["partner_name"] or one["partner"], one["application_name"] or one["application"]]
    known = " / ".join(visible(name) for name in names if name) or say("not known")
    place = f"{one['client_address']}" if one["client_address"] else _not_shown(one)
    return f"{known}  {one['environment'] or ''}  {place}".replace("    ", "  ")


def _not_shown(one: dict[str, Any]) -> str:
    match one["personal"]:
        case "erased":
            return say("erased")
        case "unavailable":
            return say("unavailable: the key-wrapping provider can't be asked now")
        case _:
            return NOTHING


def _key(one: dict[str, Any]) -> str:
    tag = f"  ({say('tag of the secret')}: {one['secret_tag']})" if one.get("secret_tag") else ""
    return _which_key(one) + tag


def _which_key(one: dict[str, Any]) -> str:
    if one["kid"]:
        retiring = one["secret_slot"] == "retiring"  # noqa: S105 - a slot's name
        return f"{one['kid']}  ({say('its retiring secret')})" if retiring else str(one["kid"])
    return say("claimed to be {kid}, not proven", kid=visible(one["claimed_kid"])) if one["claimed_kid"] else NOTHING


def _answer(one: dict[str, Any]) -> str:
    sent = one["status_sent"] or NOTHING
    received = f"({say('received')} {size(one['bytes_in'])})"
    return f"{sent}, {say('delivery')} {one['delivery']}, {size(one['bytes_out'])} {received}"


def _backend(one: dict[str, Any]) -> str:
    if not one["attempts"]:
        return say("not called")
    attempts = say("1 attempt") if one["attempts"] == 1 else say("{count} attempts", count=one["attempts"])
    status = one["backend_status"] or say("no status")
    return f"{status}, {attempts}, {one['backend_target'] or NOTHING}, {size(one['backend_bytes_in'])}"


def _timeline(one: dict[str, Any]) -> Iterator[str]:
    """One line per phase that was reached: when, for how long, and a bar that stands where it stood in the whole."""
    reached = [(name, at) for name, at in one["phases"].items() if at is not None]
    whole = max(one["duration_ms"] * 1000, 1)
    if not reached:
        return
    width = max(len(_phase(name)) for name, _ in reached)
    columns = max(8, min(_BAR_COLUMNS, console().width - width - _FIGURES))
    yield f"{say('Timeline'):<{width + 2}}  {say('reached'):>10}     {say('took'):>10}"
    ends = [at for _, at in reached[1:]] + [whole]
    for (name, began), ended in zip(reached, ends, strict=True):
        lasted = max(0.0, ended - began)
        bar = _bar(began / whole, lasted / whole, columns)
        yield f"  {_phase(name):<{width}}  {began / 1000:>10.3f} ms  {lasted / 1000:>10.3f} ms  {bar}".rstrip()


def _phase(name: str) -> str:
    # A row lasts until the next is reached: what these two marks begin is not what they are named for.
    spoken = {"forward_connect": say("forward, wait"), "forward_first_byte": say("first byte")}
    phase = name.removesuffix("_us")
    return spoken.get(phase, phase)


def _bar(starts: float, length: float, columns: int) -> str:
    eighths = max(1, round(length * columns * 8))
    full, rest = divmod(eighths, 8)
    blank = min(int(starts * columns), columns - 1)
    return " " * blank + ("█" * full + _BLOCKS[rest]).rstrip()[: columns - blank]


def _outcome(one: dict[str, Any]) -> str:
    parts = [
        str(one["status_sent"] or NOTHING),
        one["fault"] or ("" if one["delivery"] == "complete" else one["delivery"]),
    ]
    return " ".join(part for part in parts if part)


def _clock(moment: str) -> str:
    """Write today's times without their date."""
    when = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{when:%H:%M:%S}" if when.date() == datetime.now(UTC).date() else f"{when:%m-%d %H:%M:%S}"
