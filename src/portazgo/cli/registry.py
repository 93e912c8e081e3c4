"""Every command of `portazgo`: its name, the module and object that hold it, and one line of help.

The line of help stands here, so that `portazgo --help` imports none of them.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives."""

    target: str
    help: str
    section: str


RUN = "Run"
MANAGE = "Manage"
LOOK = "Look"
FILE = "portazgo.yaml"
CARE = "Care"

COMMANDS: dict[str, Entry] = {
    "up": Entry("portazgo.cli.run:up", "Run everything in one place: control plane, gateway, worker.", RUN),
    "demo": Entry("portazgo.cli.run:demo", "Run everything with a demo backend, a partner and a key.", RUN),
    "gateway": Entry("portazgo.cli.run:gateway", "Run a gateway node alone.", RUN),
    "control": Entry("portazgo.cli.run:control", "Run the control plane alone.", RUN),
    "worker": Entry("portazgo.cli.run:worker", "Run the background jobs alone.", RUN),
    "migrate": Entry("portazgo.cli.run:migrate", "Make or update the databases and first credentials.", RUN),
    "partner": Entry("portazgo.cli.partner:partner", "Partner companies.", MANAGE),
    "application": Entry("portazgo.cli.application:application", "A partner's integrations, test or live.", MANAGE),
    "key": Entry("portazgo.cli.key_import:key", "API keys: create, revoke, prove.", MANAGE),
    "pepper": Entry("portazgo.cli.pepper:pepper", "What the digests of keys are keyed with; rotate it.", MANAGE),
    "backend": Entry("portazgo.cli.backend:backend", "What stands behind the gateway.", MANAGE),
    "api": Entry("portazgo.cli.api:api", "Published sets of routes; import from OpenAPI.", MANAGE),
    "route": Entry("portazgo.cli.route:route", "Routes of an API.", MANAGE),
    "schema": Entry("portazgo.cli.schema:schema", "OpenAPI documents of backends.", MANAGE),
    "contract": Entry(
        "portazgo.cli.contract_replay:contract", "What partners see of an API, version by version.", MANAGE
    ),
    "plan": Entry("portazgo.cli.plan:plan", "Which APIs and throttles an application has.", MANAGE),
    "issuer": Entry("portazgo.cli.issuer:issuer", "Who signs the backend's tokens; signing keys.", MANAGE),
    "node": Entry("portazgo.cli.node:node", "Gateway nodes and their tokens.", MANAGE),
    "wrapping": Entry("portazgo.cli.wrapping:wrapping", "What seals the secrets; rotate the master key.", MANAGE),
    "token": Entry("portazgo.cli.token:token", "Admin tokens.", MANAGE),
    "webhook": Entry("portazgo.cli.webhook:webhook", "Webhook endpoints: who is told of what happens.", MANAGE),
    "trace": Entry("portazgo.cli.trace:trace", "What happened to a call, and whose move it is.", LOOK),
    "partner-view": Entry("portazgo.cli.partner_view:partner_view", "What a partner may see of its own calls.", LOOK),
    "usage": Entry("portazgo.cli.usage:usage", "Sums of calls, and the balance of records.", LOOK),
    "lake": Entry("portazgo.cli.lake:lake", "Records as Parquet files, and the list of them.", LOOK),
    "audit": Entry("portazgo.cli.audit:audit", "Who changed what.", LOOK),
    "check": Entry("portazgo.cli.declarative:check", "Check portazgo.yaml.", FILE),
    "diff": Entry("portazgo.cli.declarative:diff", "What applying would change: exposes, breaks, then the rest.", FILE),
    "apply": Entry("portazgo.cli.declarative:apply", "Make the deployment as portazgo.yaml says.", FILE),
    "export": Entry("portazgo.cli.declarative:export", "Write what exists as portazgo.yaml.", FILE),
    "rollback": Entry("portazgo.cli.declarative:rollback", "Go back to what an earlier apply left.", FILE),
    "doctor": Entry("portazgo.cli.doctor:doctor", "Look for what is wrong with this installation.", CARE),
    "backup": Entry("portazgo.cli.backup:backup", "Copy state and ledger to a folder, the key file apart.", CARE),
    "restore": Entry("portazgo.cli.backup:restore", "Bring a backup into an empty data folder.", CARE),
    "recover": Entry("portazgo.cli.recover:recover", "Take from nodes what a restored database lost.", CARE),
    "snapshot": Entry("portazgo.cli.snapshot:snapshot", "Save what nodes serve from, for one that runs alone.", CARE),
    "version": Entry("portazgo.cli.version:version", "Print the version and the native module's.", CARE),
    "completion": Entry("portazgo.cli.completion:completion", "Print the shell's completion script.", CARE),
}
