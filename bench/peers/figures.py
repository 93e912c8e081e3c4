"""From samples to figures: medians, and medians of paired differences and ratios (two samples of one round)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from report import Figure

from peers.arena import OpenSample, Sample

PORTAZGO = "Portazgo"
OPEN_LOOP = ("byte pump", "HAProxy", "nginx, policy", "hyper, policy", "Envoy, policy", PORTAZGO)
JOURNAL_THREADS = ("journal", "syncer")
# Targets of issue 5, each against another row of the same rounds.
RATIOS = (
    ("Portazgo ÷ plain hyper with policy", PORTAZGO, "hyper, policy", 1.15),
    ("Portazgo ÷ nginx with policy", PORTAZGO, "nginx, policy", 1.0),
    ("Portazgo ÷ Envoy with module", PORTAZGO, "Envoy, module", 0.35),
    ("Portazgo ÷ Envoy with policy", PORTAZGO, "Envoy, policy", None),
    ("a million keys ÷ ten thousand", "Portazgo, 1,000,000 keys", PORTAZGO, 1.10),
    ("multiplexed HTTP/2 ÷ HTTP/1.1", "Portazgo, h2load HTTP/2", "Portazgo, h2load HTTP/1.1", 1.0),
    ("multiplexed HTTP/2 ÷ HTTP/1.1, TLS", "Portazgo, h2load HTTP/2 TLS", "Portazgo, h2load HTTP/1.1 TLS", 1.0),
)
DIFFERENCES = (
    ("TLS on HTTP/1.1 adds", "Portazgo, h2load HTTP/1.1 TLS", "Portazgo, h2load HTTP/1.1", 2.2),
    ("POST of 1 KB adds", "Portazgo, POST", PORTAZGO, 1.5),
    ("two throttles add", PORTAZGO, "Portazgo, no throttles", None),
    ("a minted JWT of 1,000 applications adds", PORTAZGO, "Portazgo, no credential", None),
    ("10,000 keys in play instead of one add", PORTAZGO, "Portazgo, one key", None),
)


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of a run."""

    closed: Sequence[Sample]
    open: Sequence[OpenSample]

    def of(self, name: str) -> dict[int, Sample]:
        """Give the samples of a contender by round."""
        return {sample.round: sample for sample in self.closed if sample.contender == name}

    def paired(self, name: str, other: str, relate: Callable[[float, float], float]) -> list[float]:
        """Relate the processor time of two contenders, round by round."""
        ours, theirs = self.of(name), self.of(other)
        return [relate(ours[number].cpu_us, theirs[number].cpu_us) for number in ours if number in theirs]


def figures(samples: Samples) -> list[Figure]:
    """Give what the run says, as far as its contenders took part."""
    found = []
    for told, name, other, at_most in RATIOS:
        if pairs := samples.paired(name, other, lambda ours, theirs: ours / theirs):
            found.append(Figure(told, median(pairs), "×", at_most))
    for told, name, other, at_most in DIFFERENCES:
        if pairs := samples.paired(name, other, lambda ours, theirs: ours - theirs):
            found.append(Figure(told, median(pairs), "µs", at_most))
    if ours := samples.of(PORTAZGO):
        threads = [sum(one.threads_us.get(name, 0.0) for name in JOURNAL_THREADS) for one in ours.values()]
        found.append(Figure("the journal's own threads take, of a call", median(threads), "µs"))
        found.append(Figure("CPU per call, all duties", median(one.cpu_us for one in ours.values()), "µs"))
    return [*found, *_added_latencies(samples.open)]


def _added_latencies(samples: Sequence[OpenSample]) -> list[Figure]:
    """Compare Portazgo with HAProxy: no worse than the worst of HAProxy's own rounds."""
    found = []
    for told, member in (("p50", "added_p50_us"), ("p99", "added_p99_us")):
        values: dict[str, list[float]] = {}
        for sample in samples:
            values.setdefault(sample.contender, []).append(getattr(sample, member))
        if PORTAZGO in values and "HAProxy" in values:
            at_most = max(values["HAProxy"])
            found.append(Figure(f"open loop at 30 %: added {told}", median(values[PORTAZGO]), "µs", at_most))
            found.append(Figure(f"open loop at 30 %: added {told} of HAProxy", median(values["HAProxy"]), "µs"))
    return found


def rows(samples: Samples, contenders: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Give a row for each contender that took part: medians, and the range of its processor time."""
    found: list[dict[str, Any]] = []
    for name, does in contenders:
        closed = list(samples.of(name).values())
        if not closed:
            continue
        cpu = [sample.cpu_us for sample in closed]
        row: dict[str, Any] = {
            "contender": name,
            "does": does,
            "rounds": len(closed),
            "cpu_us": round(median(cpu), 2),
            "cpu_us_from": round(min(cpu), 2),
            "cpu_us_to": round(max(cpu), 2),
            "rate": round(median(sample.rate for sample in closed)),
            "p50_us": round(median(sample.p50_us for sample in closed)),
            "p99_us": round(median(sample.p99_us for sample in closed)),
            "core": round(median(sample.core for sample in closed), 3),
            "foreign": round(max(sample.foreign for sample in closed), 3),
            "resident_mb": round(median(sample.resident_mb for sample in closed), 1),
            "wrong": sum(sample.wrong for sample in closed),
        }
        if at_rest := [sample for sample in samples.open if sample.contender == name]:
            row["open"] = {
                "rate": round(median(sample.rate for sample in at_rest)),
                "cpu_us": round(median(sample.cpu_us for sample in at_rest), 1),
                "added_p50_us": round(median(sample.added_p50_us for sample in at_rest)),
                "added_p99_us": round(median(sample.added_p99_us for sample in at_rest)),
            }
        found.append(row)
    return found
