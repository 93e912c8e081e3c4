"""The command line against a running deployment, as a person and as a script use it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click
import pytest
from support.command import entered, portazgo
from support.deployment import Deployment
from support.terminal import COLUMNS, on_terminal

from portazgo.cli.main import portazgo as root
from portazgo.keys.domain import parse_key
from portazgo.roles.parts import portazgo_command

Run = Callable[..., subprocess.CompletedProcess[str]]

# Where an operation of the admin API is found on the command line.
COMMAND_OF = {
    "list_audit": "audit list",
    "list_tokens": "token list",
    "create_token": "token create",
    "revoke_token": "token revoke",
    "import_keys": "key import",
    "list_peppers": "pepper list",
    "list_webhook_endpoints": "webhook endpoint list",
    "create_webhook_endpoint": "webhook endpoint create",
    "show_webhook_endpoint": "webhook endpoint show",
    "change_webhook_endpoint": "webhook endpoint change",
    "delete_webhook_endpoint": "webhook endpoint delete",
    "test_webhook_endpoint": "webhook endpoint test",
    "pause_webhook_endpoint": "webhook endpoint pause",
    "resume_webhook_endpoint": "webhook endpoint resume",
    "rotate_webhook_secret": "webhook endpoint rotate-secret",
    "list_webhook_deliveries": "webhook delivery list",
    "resend_webhook_delivery": "webhook delivery resend",
    "list_service_credentials": "backend credential list",
    "set_service_credential": "backend credential set",
    "remove_service_credential": "backend credential remove",
    "show_wrapping": "wrapping status",
    "report_leak": "key report-leak",
    "tag_secret": "key tag",
    "show_pepper": "pepper show",
    "rotate_pepper": "pepper rotate",
    "list_issuers": "issuer list",
    "create_issuer": "issuer create",
    "list_signing_keys": "issuer key list",
    "add_signing_key": "issuer key add",
    "begin_signing": "issuer key sign",
    "withdraw_signing_key": "issuer key withdraw",
    "test_backend": "backend test",
    "import_routes": "api import",
    "set_default_version": "contract default",
    "list_contract_users": "contract users",
    "list_contract_pins": "contract show",
    "list_application_contracts": "application show",
    "diff_contract": "contract diff",
    "replay_contract": "contract replay",
    "test_contract": "contract test",
    "show_contract_version": "contract fields",
    "show_contract_document": "contract document",
    "list_schema_operations": "schema operations",
    "show_schema_document": "schema document",
    "list_drift": "schema drift",
    "replace_plan": "plan change",
    "verify_audit": "audit verify",
    "erase_audit_row": "audit erase",
    "revoke_partner_keys": "partner revoke-keys",
    "revoke_application_keys": "application revoke-keys",
    "key_propagation": "key propagation",
    "scanner_rules": "key scanner-rules",
    "partner_propagation": "partner propagation",
    "application_propagation": "application propagation",
    "signing_key_propagation": "issuer key propagation",
    "partner_keys_propagation": "partner propagation",
    "application_keys_propagation": "application propagation",
    "failing_logins": "backend show",
    "partner_erasure_propagation": "partner erase",
    "show_webhook_outbox": "webhook outbox",
    "extend_rotation": "key rotation extend",
    "end_rotation": "key rotation end",
    "cancel_rotation": "key rotation cancel",
    "list_node_tokens": "node token list",
    "create_node_token": "node token create",
    "revoke_node_token": "node token revoke",
    "usage_report": "usage report",
    "list_lake_files": "lake files",
    "usage_balance": "usage balance",
    "accept_gap": "usage accept-gap",
    "usage_metrics": "usage metrics",
    "fields_told": "usage fields",
    "declare_node_lost": "node lost",
    "list_traces": "trace list",
    "tail_traces": "trace tail",
    "create_partner_token": "token create",
    "list_partner_traces": "partner-view list",
    "tail_partner_traces": "partner-view tail",
    "show_partner_trace": "partner-view show",
    "list_partner_documents": "partner-view documents",
    "show_partner_document": "partner-view document",
    "partner_usage": "partner-view usage",
    "show_trace": "trace show",
    "check_document": "check",
    "diff_document": "diff",
    "apply_document": "apply",
    "list_applies": "rollback",
    "show_apply": "rollback",
    "roll_back": "rollback",
    "export_document": "export",
}
PLURALS = {
    "apis": "api",
    "partners": "partner",
    "applications": "application",
    "keys": "key",
    "backends": "backend",
} | {
    "routes": "route",
    "plans": "plan",
    "nodes": "node",
    "schemas": "schema",
    "contracts": "contract",
}


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> Run:
    """Run `portazgo …` to its end: by its entry point, in this process, since a start costs more than all else.

    What a process of its own matters for (exit codes, signals, terminals) is tested by one.
    """
    return lambda *words: entered(deployment.environment, deployment.folder, *words)


@pytest.fixture(scope="module")
def said(run: Run) -> Callable[..., Any]:
    """Run `portazgo … --json` and read its document; it must go well."""

    def document(*words: str) -> Any:
        done = run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return document


def command_at(path: str) -> click.Command | None:
    """Find a command by its words."""
    command: click.Command | None = root
    for word in path.split(" "):
        assert isinstance(command, click.Group), path
        command = command.get_command(click.Context(command), word)
        if command is None:
            return None
    return command


def words_of(operation: str) -> str:
    """Say which command does an operation: `show_partner` is `partner show`."""
    name = operation.rpartition("_api_")[2]
    verb, _, noun = name.partition("_")
    return COMMAND_OF.get(name) or f"{PLURALS.get(noun, noun)} {verb}"


def test_every_operation_of_the_admin_api_has_its_command(deployment: Deployment) -> None:
    document = deployment.admin.get("/openapi.json")
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) > 50
    assert [operation for operation in operations if command_at(words_of(operation)) is None] == []


def test_a_partner_lives_and_goes(run: Run, said: Callable[..., Any]) -> None:
    made = said("partner", "create", "acme", "--metadata", "tier=gold", "--metadata", "seats=12")
    assert set(made) == {"id", "name", "status", "metadata", "created_at"}
    assert made["metadata"] == {"tier": "gold", "seats": 12}
    assert said("partner", "show", "acme") == said("partner", "show", made["id"]) == made
    changed = said("partner", "change", "acme", "--metadata", "tier=silver", "--remove-metadata", "seats")
    assert changed["metadata"] == {"tier": "silver"}
    assert said("partner", "suspend", "acme")["status"] == "suspended"
    assert said("partner", "resume", "acme")["status"] == "active"
    taken = run("partner", "create", "acme")
    assert (taken.returncode, taken.stdout) == (5, "")
    assert "already a partner named 'acme'" in taken.stderr
    for flags, code in (([], 6), (["--no-input"], 6), (["--yes"], 0)):
        assert run("partner", "delete", "acme", *flags).returncode == code
    assert run("partner", "show", "acme").returncode == 1


def test_a_misspelt_name_is_answered_with_the_nearest(run: Run) -> None:
    for words in (
        ("partner", "show", "demo-partnr"),
        ("application", "list", "--partner", "demo-partnr"),
        ("trace", "list", "--partner", "demo-partnr"),
    ):
        done = run(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            "Error: there is no partner 'demo-partnr'",
            "  Did you mean 'demo-partner'?",
        ]


def test_the_formats_hold_the_same_documents(run: Run, deployment: Deployment) -> None:
    expected = list(deployment.admin.pages("/partners"))
    assert json.loads(run("partner", "list", "-o", "json").stdout) == expected
    lines = run("partner", "list", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == expected
    rows = list(csv.DictReader(io.StringIO(run("partner", "list", "-o", "csv").stdout)))
    assert [(row["name"], row["id"]) for row in rows] == [(one["name"], one["id"]) for one in expected]
    assert "name: demo-partner" in run("partner", "list", "-o", "yaml").stdout
    table = run("partner", "list").stdout.splitlines()
    assert table[0].split() == ["name", "status", "metadata", "created", "id"]
    assert run("partner", "list", "-o", "xml").returncode == 2


def test_a_way_is_laid_from_backend_to_key_by_names_alone(
    run: Run, said: Callable[..., Any], deployment: Deployment
) -> None:
    shop = said("backend", "create", "shop", "--target", deployment.backend_url, "--audience", "insignia")
    assert shop["environments"]["live"]["credential"]["life_seconds"] == 120
    longer = said("backend", "change", "shop", "--life", "5m", "--claim", "level=3", "--connect-timeout", "500ms")
    live = longer["environments"]["live"]
    assert (live["credential"]["life_seconds"], live["credential"]["claims"]) == (300, {"level": 3})
    assert (live["timeouts"]["connect_ms"], live["targets"]) == (500, [deployment.backend_url])
    said("api", "create", "shop-api")
    order: tuple[str, ...] = (
        "api",
        "import",
        "shop-api",
        "--backend",
        "shop",
        "--url",
        f"{deployment.backend_url}/api/schema/",
    )
    order = (*order, "--tag", "badges", "--operation", "issuers_list", "--map", "/api=/shop/v1")
    planned = run(*order, "--dry-run")
    assert (planned.returncode, planned.stdout.splitlines()[1].split()[:2]) == (0, ["created", "badges-list"])
    assert "Would be: 4 created, 0 changed, 0 unchanged" in planned.stderr
    assert said("route", "list", "--api", "shop-api") == []
    report = said(*order)
    assert sorted(report["created"]) == ["badges-create", "badges-list", "badges-retrieve", "issuers-list"]
    assert said(*order)["unchanged"] == report["created"]
    plan = said("plan", "create", "shopping", "--api", "shop-api", "--rate", "600/min")
    assert [(one["quota"], one["window_seconds"]) for one in plan["throttles"]] == [(600, 60)]
    kept = said("plan", "change", "shopping", "--rate", "60/min", "--add-api", "insignia")
    assert (len(kept["apis"]), kept["throttles"][0]["quota"]) == (2, 60)
    said("application", "create", "till", "--partner", "demo-partner", "--environment", "live", "--plan", "shopping")
    made = run("key", "create", "--application", "demo-partner/till", "--name", "till 1", "--json")
    key = json.loads(made.stdout)
    assert key["api_key"].split("_")[2] == key["kid"]
    assert "only time that the key is shown" in made.stderr
    deployment.wait_for(lambda: deployment.call("/shop/v1/badges/", X_Api_Key=key["api_key"]).status == 200, "the call")
    assert "api_key" not in said("key", "show", key["kid"])


def test_routes_are_made_changed_and_found_within_their_api(run: Run, said: Callable[..., Any]) -> None:
    made = run("route", "create", "extra", "--api", "insignia", "--method", "get", "--passthrough")
    assert (made.returncode, "give --path, --backend, --backend-path too" in made.stderr) == (2, True)
    words = ("--method", "get", "--path", "/v1/extra", "--backend", "insignia", "--backend-path", "/api/badges/")
    extra = said("route", "create", "extra", "--api", "insignia", *words, "--passthrough", "--query", "page")
    assert (extra["method"], extra["query"]) == ("GET", ["page"])
    said("api", "create", "second")
    said("route", "create", "extra", "--api", "second", *words[:3], "/v1/second", *words[4:], "--passthrough")
    doubled = run("route", "show", "extra")
    assert (doubled.returncode, "Write `API/extra`, or the id." in doubled.stderr) == (2, True)
    assert said("route", "show", "insignia/extra") == said("route", "show", "extra", "--api", "insignia") == extra
    assert said("route", "change", "insignia/extra", "--all-query", "--scope", "badges:read")["scopes"] == [
        "badges:read"
    ]
    assert run("route", "delete", "insignia/extra", "--yes").stderr == "Removed extra.\n"
    assert run("api", "delete", "second", "--yes").returncode == 5


def test_a_key_is_revoked_and_the_proof_awaited(
    run: Run, said: Callable[..., Any], deployment: Deployment, new_key: dict[str, str]
) -> None:
    assert said("key", "disable", new_key["kid"])["status"] == "disabled"
    assert said("key", "enable", new_key["kid"])["status"] == "active"
    assert said("key", "change", new_key["kid"], "--network", "127.0.0.0/8")["networks"] == ["127.0.0.0/8"]
    # With a whole key at hand, as after a leak: its kid is what counts.
    proof = said("key", "revoke", new_key["api_key"], "--wait", "--timeout", "20s", "--yes")
    assert (proof["proven"], [node["state"] for node in proof["nodes"]]) == (True, ["confirmed"])
    assert deployment.call(X_Api_Key=new_key["api_key"]).status == 401
    shown = run("key", "propagation", new_key["kid"])
    assert (shown.returncode, "confirmed" in shown.stdout, "Proven" in shown.stderr) == (0, True, True)
    assert run("key", "show", "no-kid").returncode == 2
    assert run("key", "show", "0000000000").returncode == 1


def test_what_is_not_proven_in_time_is_exit_code_7(run: Run, deployment: Deployment, new_key: dict[str, str]) -> None:
    deployment.stop("gateway")
    try:
        done = run("key", "revoke", new_key["kid"], "--wait", "--timeout", "1s", "--yes")
        assert (done.returncode, "unproven" in done.stdout) == (7, True)
        assert "Not proven" in done.stderr
    finally:
        deployment.start_gateway()
    assert run("key", "propagation", new_key["kid"], "--wait").returncode == 0


def test_a_call_is_told_as_a_page_and_as_a_document(run: Run, said: Callable[..., Any], deployment: Deployment) -> None:
    served = deployment.call(X_Request_Id="mine-7").request_id
    refused = deployment.call("/v1/nowhere").request_id
    deployment.trace(served)
    deployment.trace(refused)
    page = run("trace", "show", served).stdout
    for part in (
        "Answered 200 in ",
        "Whose move",
        "(theirs: mine-7)",
        "demo-partner / demo",
        "1 attempt",
        "forward, wait",
        "first byte",
        "ms",
    ):
        assert part in page
    failed = run("trace", "show", refused).stdout
    assert failed.startswith("No route matches host and path.\n")
    assert "the caller's: the request is to be changed" in failed
    assert "Next: " in failed
    assert said("trace", "show", served)["request_id"] == served
    found = said("trace", "list", "--fault", "route_unknown", "--since", "1h")
    assert refused in [one["request_id"] for one in found]
    assert {one["fault"] for one in found} == {"route_unknown"}
    listed = run("trace", "list", "--partner", "demo-partner", "--route", "insignia/badges-list", "--limit", "1")
    assert (len(listed.stdout.splitlines()), "There are more" in listed.stderr) == (2, True)
    misspelt = run("trace", "list", "--fault", "route_unknwn")
    assert (misspelt.returncode, "Did you mean 'route_unknown'?" in misspelt.stderr) == (2, True)
    assert run("trace", "show", "01990000-0000-7000-8000-000000000000").returncode == 1
    assert run("trace", "show", "nonsense").returncode == 2


def test_a_call_is_found_at_once_although_its_record_is_still_on_its_way(
    said: Callable[..., Any], deployment: Deployment
) -> None:
    request_id = deployment.call().request_id
    assert said("trace", "show", request_id)["status_sent"] == 200


def test_usage_and_audit_speak_of_what_was_done(run: Run, said: Callable[..., Any], deployment: Deployment) -> None:
    deployment.trace(deployment.call().request_id)
    sums = said("usage", "report", "--by", "partner", "--since", "1h")
    assert any(one["partner"] and one["requests"] > 0 for one in sums)
    assert run("usage", "report", "--by", "partner").stdout.splitlines()[1].split()[0] in {"demo-partner", "-"}
    balance = said("usage", "balance")
    assert [one["missing"] for one in balance["items"]] == [[]] * len(balance["items"])
    rows = said("audit", "list", "--action", "partner.created", "--limit", "5")
    assert {row["action"] for row in rows} == {"partner.created"}
    assert run("audit", "list", "--limit", "1", "-o", "csv").stdout.startswith(
        "number,at,actor.name,address,action,subject,revision\n"
    )


@pytest.mark.parametrize("how", [[], ["--sort", "group"], ["-o", "csv"], ["-o", "parquet"]])
def test_a_report_that_is_not_whole_says_so_beside_its_sums(deployment: Deployment, how: list[str]) -> None:
    command = portazgo_command("usage", "report", "--since", "1h", *how)

    def said() -> str:
        done = subprocess.run(
            command, env=deployment.environment, cwd=deployment.folder, capture_output=True, timeout=60, check=True
        )
        return done.stderr.decode()

    deployment.wait_for(lambda: said() == "", "a report that is whole")
    with closing(sqlite3.connect(deployment.data / "ledger.sqlite3", timeout=20, isolation_level=None)) as ledger:
        epoch, now = uuid4().hex, datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        ledger.execute(
            'INSERT INTO usage_epoch_end (epoch, node, "end", last_sequence, declared, started_at, ended_at, '
            "seconds_at_risk) VALUES (?, ?, 'host_lost', 0, 1, ?, ?, 2.5)",
            (epoch, uuid4().hex, now, now),
        )
        try:
            assert said().startswith("Records may be missing: 1 epochs in this range don't balance.")
        finally:
            ledger.execute("DELETE FROM usage_epoch_end WHERE epoch = ?", (epoch,))


def test_parquet_is_not_written_to_a_terminal(deployment: Deployment) -> None:
    where = ({**deployment.environment, "NO_COLOR": "1"}, deployment.folder)
    refused = on_terminal(*where, "usage", "report", "-o", "parquet")
    assert refused.code == 2
    assert refused.text.splitlines() == [
        "Error: Parquet is no text for a terminal",
        "  Write it into a file: portazgo usage report … -o parquet > usage.parquet",
    ]
    spanish = on_terminal({**where[0], "PORTAZGO_LANG": "es"}, where[1], "usage", "report", "-o", "parquet")
    assert (spanish.code, "Parquet no es texto para un terminal" in spanish.text) == (2, True)


def test_issuers_nodes_and_tokens(run: Run, said: Callable[..., Any]) -> None:
    assert [one["name"] for one in said("issuer", "list")] == ["default"]
    assert said("issuer", "create", "second", "--url", "https://second.example")["name"] == "second"
    added = said("issuer", "key", "add", "second")
    assert added["state"] == "published"
    assert run("issuer", "key", "withdraw", added["kid"]).returncode == 6
    assert said("issuer", "key", "withdraw", added["kid"], "--yes")["state"] == "withdrawn"
    assert added["kid"] in [one["kid"] for one in said("issuer", "key", "list")]
    node = said("node", "list")[0]
    assert said("node", "show", node["id"])["label"] == node["label"]
    made = run("node", "token", "create", "rack-7", "--label", "rack-7", "--json")
    assert json.loads(made.stdout)["token"].startswith("ptzn_")
    assert "only time that the token is shown" in made.stderr
    assert said("node", "token", "revoke", "rack-7", "--yes")["revoked_at"]
    assert "rack-7" in run("node", "token", "list").stdout
    token = said("token", "create", "reader", "--scope", "partners:read", "--expires", "90d")
    assert token["expires_at"]
    assert said("token", "revoke", "reader", "--yes")["revoked_at"]
    assert "reader" in run("token", "list").stdout
    assert run("node", "retire", node["id"]).returncode == 6


def test_refusals_have_their_exit_codes(run: Run, said: Callable[..., Any], deployment: Deployment) -> None:
    invalid = run("partner", "create", "Not A Slug")
    assert (invalid.returncode, "/name" in invalid.stderr) == (2, True)
    assert run("partner", "create").returncode == 2
    assert run("plan", "delete", "demo", "--yes").returncode == 5
    reader = said("token", "create", "reads", "--scope", "partners:read")["token"]
    file = deployment.folder / "reader-token"
    file.write_text(reader)
    as_reader = {**deployment.environment, "PORTAZGO_ADMIN_TOKEN_FILE": str(file)}
    assert portazgo(as_reader, deployment.folder, "partner", "list").returncode == 0
    forbidden = portazgo(as_reader, deployment.folder, "partner", "create", "never")
    assert (forbidden.returncode, "partners:write" in forbidden.stderr) == (4, True)
    file.write_text("ptza_wrong")
    assert portazgo(as_reader, deployment.folder, "partner", "list").returncode == 4
    elsewhere = {**deployment.environment, "PORTAZGO_CONTROL_URL": "http://127.0.0.1:9"}
    away = portazgo(elsewhere, deployment.folder, "partner", "list")
    assert (away.returncode, "Is it running?" in away.stderr) == (1, True)


def test_quiet_says_nothing_but_the_document(run: Run) -> None:
    done = run("key", "create", "--application", "demo", "--quiet", "-o", "jsonl")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
    alone = run("key", "create", "--application", "demo", "--quiet")
    assert (parse_key(alone.stdout.removesuffix("\n")) is not None, alone.stderr) == (True, "")


def test_it_speaks_spanish(deployment: Deployment) -> None:
    spanish = {**deployment.environment, "PORTAZGO_LANG": "es"}
    table = portazgo(spanish, deployment.folder, "partner", "list").stdout
    assert table.splitlines()[0].split() == ["nombre", "estado", "metadatos", "creado", "id"]
    refused = portazgo(spanish, deployment.folder, "partner", "delete", "demo-partner")
    assert (refused.returncode, "¿Eliminar el socio demo-partner?" in refused.stderr) == (6, True)


def test_on_a_terminal_it_asks_and_fits_and_colours_only_where_wanted(deployment: Deployment) -> None:
    where = (deployment.environment, deployment.folder)
    portazgo(*where, "partner", "create", "asked")
    declined = on_terminal(*where, "partner", "delete", "asked", typed="n\n")
    assert (declined.code, "Remove the partner asked? [y/N]" in declined.text) == (6, True)
    coloured = on_terminal(*where, "partner", "list")
    assert "\x1b[1m" in coloured.text
    plain = on_terminal({**deployment.environment, "NO_COLOR": "1"}, deployment.folder, "partner", "list")
    assert "\x1b" not in plain.text
    assert max(len(line) for line in plain.text.splitlines()) <= COLUMNS
    error = on_terminal({**deployment.environment, "NO_COLOR": "1"}, deployment.folder, "partner", "show", "none")
    assert ("\x1b" in error.text, "Error: there is no partner 'none'" in error.text) == (False, True)
    assert on_terminal(*where, "partner", "delete", "asked", typed="y\n").code == 0


def test_a_misspelt_setting_is_told_with_the_nearest(deployment: Deployment) -> None:
    odd = {**deployment.environment, "PORTAZGO_LANGG": "es", "PORTAZGO_SERVICE_HOST": "10.0.0.1"}
    done = entered(odd, deployment.folder, "partner", "list", "--json")
    warning = "Warning: PORTAZGO_LANGG is no setting; did you mean PORTAZGO_LANG?\n"
    assert (done.returncode, done.stderr) == (0, warning)
