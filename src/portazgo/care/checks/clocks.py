"""Clocks: this machine's against the control plane's, the nodes' against it, the wall's against the monotonic one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from portazgo.care.finding import Finding, skipped, warning, well, wrong
from portazgo.care.surroundings import Surroundings

OFF_SECONDS = 2.0
FAR_OFF_SECONDS = 60.0
STEP_SECONDS = 0.1
SHORTEST_SECONDS = 0.3
_MEND = "have the machine's clock kept by NTP (chrony, systemd-timesyncd)"


def control_clock(around: Surroundings) -> Iterator[Finding]:
    """Does this machine's clock agree with the control plane's?"""
    told = "" if around.internal is None else around.internal.headers.get("X-Portazgo-Time", "")
    if not told.isdigit():
        yield skipped("the control plane did not tell its time")
        return
    yield _judge("this machine's clock", time.time() - int(told) / 1_000_000)


def node_clocks(around: Surroundings) -> Iterator[Finding]:
    """Did every node's clock agree with the control plane's, at its last receipt?"""
    if around.admin is None:
        yield skipped("the admin API could not be asked")
        return
    told = 0
    for node in around.admin.pages("/nodes"):
        offset_us = (node["receipt"] or {}).get("clock_offset_us")
        if node["retired_at"] is None and offset_us is not None:
            told += 1
            yield _judge(f"the clock of the node {node['label'] or node['id']}", -offset_us / 1_000_000)
    if not told:
        yield skipped("no node has told its clock yet")


def wall_clock(around: Surroundings) -> Iterator[Finding]:
    """Does the wall clock go as the monotonic one does? One that is stepped makes keys expire early or late."""
    wall, monotonic = around.began
    time.sleep(max(0.0, SHORTEST_SECONDS - (time.monotonic() - monotonic)))
    step = (time.time() - wall) - (time.monotonic() - monotonic)
    if abs(step) > STEP_SECONDS:
        yield warning(f"the wall clock moved by {step:+.1f} s while the doctor looked", _MEND)
    else:
        yield well("it goes as the monotonic clock does")


def _judge(whose: str, offset_seconds: float) -> Finding:
    said = (
        f"{whose} is {abs(offset_seconds):.1f} s {'ahead of' if offset_seconds > 0 else 'behind'} the control plane's"
    )
    if abs(offset_seconds) > FAR_OFF_SECONDS:
        return wrong(said, _MEND)
    if abs(offset_seconds) > OFF_SECONDS:
        return warning(said, _MEND)
    return well(f"{whose} agrees with the control plane's")
