"""Every check of `portazgo doctor`, in the order in which they are told: what others rest on comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from portazgo.care.checks import clocks, databases, jobs, machine, objects, outside, plane, ports
from portazgo.care.finding import Finding
from portazgo.care.surroundings import Surroundings

Check = Callable[[Surroundings], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "native module": machine.native_module,
    "settings": machine.settings,
    "data folder": machine.data_folder,
    "secret files": machine.secret_files,
    "disk space": machine.disk_space,
    "gateway port": ports.gateway_port,
    "control port": ports.control_port,
    "internal port": ports.internal_port,
    "admin port": ports.admin_port,
    "databases": databases.databases,
    "master key": databases.master_key,
    "revocations": databases.revocations,
    "object store": objects.object_store,
    "control plane": plane.control_plane,
    "admin token": plane.admin_token,
    "node": plane.node,
    "receipts": plane.receipts,
    "signing keys": plane.signing_keys,
    "rotations": jobs.rotations,
    "pepper": jobs.pepper,
    "sealing": jobs.sealing,
    "logins": jobs.logins,
    "webhooks": plane.webhooks,
    "outbox": jobs.outbox,
    "control clock": clocks.control_clock,
    "node clocks": clocks.node_clocks,
    "wall clock": clocks.wall_clock,
    "backends": outside.backends,
    "issuers": outside.issuers,
}
