"""Commands that are told one thing and its opposite do neither."""

from __future__ import annotations

import click
import pytest

from portazgo.cli.exits import Exit
from portazgo.cli.main import main


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("route change list --upgrade websocket --no-upgrade", "--no-upgrade and --upgrade contradict each other"),
        ("route change list --host a.example --any-host", "--any-host and --host contradict each other"),
        ("route change list --query page --all-query", "--all-query and --query contradict each other"),
        (
            "route change list --backend-timeouts --total-timeout none",
            "--backend-timeouts and --total-timeout contradict each other",
        ),
        ("backend create shop --no-check --check-path /health", "--no-check and --check-path contradict each other"),
        ("backend change shop --breaker --no-breaker", "--no-breaker and --breaker contradict each other"),
        (
            "backend change shop --no-credential --audience shop",
            "--no-credential and --audience contradict each other",
        ),
        (
            "backend change shop --environment test --remove --target http://a:1",
            "--remove takes test away: nothing else can be said of it",
        ),
        ("plan change basic --scope read --all-scopes", "--all-scopes and --scope contradict each other"),
        (
            "plan change basic --rotate-every 90d --no-rotation",
            "--no-rotation and --rotate-every contradict each other",
        ),
        ("plan change basic --rate 1/min --no-throttles", "--no-throttles and --rate contradict each other"),
        (
            f"key change 7hK2mQ9xTb --client-certificate {'a' * 64} --no-client-certificate",
            "--no-client-certificate and --client-certificate contradict each other",
        ),
        ("key change 7hK2mQ9xTb --all-scopes --scope read", "--all-scopes and --scope contradict each other"),
        ("key change 7hK2mQ9xTb --any-network --network ::/0", "--any-network and --network contradict each other"),
        ("key change 7hK2mQ9xTb --all-routes --route-tag a", "--all-routes and --route-tag contradict each other"),
        ("key change 7hK2mQ9xTb --no-expiry --expires 1d", "--no-expiry and --expires contradict each other"),
        ("route change list --tag a --no-tag", "--no-tag and --tag contradict each other"),
    ],
)
def test_one_thing_and_its_opposite_are_a_usage_error(words: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == Exit.USAGE
    assert why in click.unstyle(capsys.readouterr().err)
