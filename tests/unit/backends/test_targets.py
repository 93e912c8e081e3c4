"""Where a backend may stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.backends.domain import check_target, check_targets


@pytest.mark.parametrize(
    ("given_target", "kept"),
    [
        ("http://backend:8000", "http://backend:8000"),
        ("http://Backend.internal/", "http://backend.internal:80"),
        ("HTTP://10.0.0.7:80", "http://10.0.0.7:80"),
        ("http://[2001:db8::7]:8000", "http://[2001:db8::7]:8000"),
        ("http://[::1]", "http://[::1]:80"),
        ("https://Backend.internal/", "https://backend.internal:443"),
        ("https://backend.internal:8443", "https://backend.internal:8443"),
        ("unix:/run/app/web.sock", "unix:/run/app/web.sock"),
        ("unix:///run/app/web.sock", "unix:/run/app/web.sock"),
        ("unix:/run/.hidden/..sock", "unix:/run/.hidden/..sock"),
    ],
)
def test_a_target_gets_one_spelling(given_target: str, kept: str) -> None:
    assert check_target(given_target) == kept


@pytest.mark.parametrize(
    "target",
    [
        "backend:8000",
        "ftp://backend",
        "http://",
        "http:///api",
        "http://backend/api",
        "http://user@backend",
        "http://backend?x",
        "http://backend#x",
        "http://back end",
        "http://backend:0",
        "http://backend:99999",
        "http://backend:",
        "http://backend:+80",
        "http://::1",
        "http://[::1",
        "http://-backend",
        "unix:",
        "unix:/",
        "unix:run/app.sock",
        "unix://run/app.sock",
        "unix:////run/app.sock",
        "unix:/run//app.sock",
        "unix:/run/../app.sock",
        "unix:/run/.",
        "unix:/run/app/",
        "unix:/run/app sock",
        "unix:/run/app\n",
        "unix:/run/\u00f1",
        "UNIX:/run/app.sock",
        "unix:/var/run/docker.sock",
        "unix:/run/containerd/containerd.sock",
        "unix:/run/user/1000/podman/podman.sock",
        "unix:/run/systemd/private",
    ],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="is no target"):
        check_target(target)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.43518",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.254.0251.254",
        "0.0.0.0",  # noqa: S104 - nobody listens there
        "0",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[::]",
        "[ff02::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_where_no_backend_lives_is_refused_however_it_is_written(host: str, scheme: str) -> None:
    with pytest.raises(ValueError, match="no backend lives at"):
        check_targets(["http://backend:8000", f"{scheme}://{host}:8000/"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00::7]", "[::1]", "8.8.8.8"],
)
def test_backends_live_on_loopback_in_private_networks_and_elsewhere(host: str) -> None:
    assert check_target(f"http://{host}:8000") == f"http://{host}:8000"


@pytest.mark.parametrize("host", ["1.2.3.4.5", "08.example", "256.1.1.1.example", "0xg", "a9fea9fe"])
def test_a_name_that_looks_like_an_address_is_a_name(host: str) -> None:
    assert check_target(f"http://{host}:80") == f"http://{host}:80"


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        kept = check_target("http://" + text)
    except ValueError:
        return
    assert check_target(kept) == kept


def test_targets_are_not_repeated_and_there_is_one() -> None:
    assert check_targets(["http://a", "http://A:80/"]) == ["http://a:80"]
    with pytest.raises(ValueError, match="1 to 64 targets"):
        check_targets([])
