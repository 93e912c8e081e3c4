"""A variable that is misspelt is told with the nearest that is meant; what an orchestrator invents stops nothing."""

from __future__ import annotations

from portazgo.settings import misspelt

ENVIRONMENT = {
    "PATH": "/bin",
    "PORTAZGO_CONTROL_ULR": "http://127.0.0.1:1",
    "PORTAZGO_DATADIR": "/srv",
    "PORTAZGO_DATA_DIR": "/srv",
    "PORTAZGO_PARENT_PID": "1",
    "PORTAZGO_SERVICE_HOST": "10.0.0.1",
    "PORTAZGO_TEST_KILLS": "3",
}


def test_each_stranger_is_named_with_the_nearest_setting() -> None:
    near = [
        "PORTAZGO_CONTROL_ULR is no setting; did you mean PORTAZGO_CONTROL_URL?",
        "PORTAZGO_DATADIR is no setting; did you mean PORTAZGO_DATA_DIR?",
    ]
    assert misspelt(ENVIRONMENT) == [*near, "PORTAZGO_SERVICE_HOST is no setting"]
    assert misspelt(ENVIRONMENT, near_only=True) == near
