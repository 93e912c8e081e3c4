"""`/metrics` is what docs/metrics.md says, and what Prometheus can read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from support.deployment import PROJECT, Deployment


def documented() -> dict[str, tuple[str, set[str]]]:
    """Each metric of the page: its type and its labels."""
    of_nodes, _, _ = (PROJECT / "docs/metrics.md").read_text().partition("# Metrics of the control plane")
    rows = re.findall(r"^\| `([a-z_]+)(?:\{([a-z,]+)\})?` \| (\w+) \|", of_nodes, re.MULTILINE)
    return {name: (kind, set(filter(None, labels.split(",")))) for name, labels, kind in rows}


def test_the_page_has_every_metric_with_its_type_and_labels(deployment: Deployment) -> None:
    assert deployment.call().status == 200
    with urlopen(f"{deployment.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = list(text_string_to_metric_families(answer.read().decode()))
    served = {}
    for family in families:
        # The parser takes the suffix from a counter's name.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels if label != "le"}
        served[name] = (family.type, labels)
        assert family.documentation
    told = documented()
    assert served.keys() == told.keys()
    for name, (kind, labels) in served.items():
        # Where there is nothing to tell, such as no failed connection, there is no row and so no label.
        assert (kind, labels or told[name][1]) == told[name], name


def test_the_figures_are_those_of_the_traffic(tmp_path: Path) -> None:
    with Deployment(tmp_path, PORTAZGO_THREADS="2") as deployment:
        # A call ends a moment after its answer: so does the one that told that the deployment serves.
        deployment.wait_for(lambda: _in_flight(deployment) == 0, "the end of the first call")
        before = _figures(deployment)
        for _ in range(20):
            assert deployment.call().status == 200
        deployment.wait_for(lambda: _in_flight(deployment) == 0, "the end of the last call")
        after = _figures(deployment)

        def grown(name: str) -> float:
            return sum(after[key] - before.get(key, 0) for key in after if key[0] == name)

        assert grown("portazgo_requests_total") == 20
        assert grown("portazgo_thread_requests_total") == 20
        assert grown("portazgo_connections_accepted_total") == 20
        with urlopen(f"{deployment.health_url}/health/ready", timeout=10) as answer:  # noqa: S310 - our own address
            assert json.loads(answer.read()) == {"ready": True, "reasons": [], "warnings": []}


def _in_flight(deployment: Deployment) -> float:
    return sum(value for (name, _), value in _figures(deployment).items() if name == "portazgo_requests_in_flight")


def _figures(deployment: Deployment) -> dict[tuple[str, str], float]:
    with urlopen(f"{deployment.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
        families = text_string_to_metric_families(answer.read().decode())
        return {(one.name, str(one.labels)): one.value for family in families for one in family.samples}
