"""What follows from the figures of one core: pods, the HPA's targets, and what a day's visitors cost."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving.generator import Step

PRICES = Path(__file__).parent / "prices.toml"
IN_USE = (
    0.7  # share of the highest passing rate that a pod is meant to serve: the rest is for a peak until others start
)
LEAST_PODS = 2


class Assumption(NamedTuple):
    """A value, what it is, and where it is from."""

    value: float
    what: str
    source: str


def assumptions(path: Path = PRICES) -> dict[str, dict[str, Assumption]]:
    """All of prices.toml, by its tables."""
    read = tomllib.loads(path.read_text("utf-8"))
    return {name: {key: Assumption(*one) for key, one in table.items()} for name, table in read.items()}


@dataclass(frozen=True)
class Targets:
    """Of one pod: requests a second, CPU in percent of its request, requests in progress."""

    rate: float
    cpu_percent: int
    in_progress: float


def scaling(best: Step, cpus: int) -> Targets:
    """Targets of an autoscaler for a pod of so many cores whose highest passing step this is.

    Requests in progress are Little's law: their rate times how long one takes.
    """
    rate = IN_USE * best.rate
    return Targets(rate, round(100 * IN_USE * best.server_cores / cpus), rate * best.p50 / 1e3)


class Cost(NamedTuple):
    """One item of a month's bill in USD."""

    what: str
    how: str
    dollars: float


def load(given: Mapping[str, Assumption]) -> tuple[float, float, float]:
    """Requests a second on average and at the peak, and requests a month."""
    a_day = given["visitors"].value * given["answers"].value
    peak = a_day * given["busiest"].value / 3600 * given["burst"].value
    return a_day / 86400, peak, a_day * given["days"].value


def on_cluster(given: Mapping[str, Mapping[str, Assumption]], pod_rate: float, answer_bytes: float) -> list[Cost]:
    """The bill with pods of one core that serve `pod_rate` each; nodes for the peak, all month."""
    price = {key: one.value for key, one in given["cluster"].items()}
    _, peak, monthly = load(given["visitors"])
    hours = 24 * given["visitors"]["days"].value
    pods = max(LEAST_PODS, math.ceil(peak / pod_rate))
    nodes = max(LEAST_PODS, math.ceil(pods / price["node_cores"]))
    gb = monthly * answer_bytes / 1e9
    units = price["balancer_hour"] * hours + price["capacity_unit_hour"] * gb
    return [
        Cost("nodes", f"{nodes} for {pods} pods of one core at {peak:.0f}/s", nodes * price["node_hour"] * hours),
        Cost("control plane", f"{hours:.0f} h", price["control_hour"] * hours),
        Cost("load balancer", f"{hours:.0f} h, {gb:.0f} GB", units),
        Cost("answers", f"{gb:.0f} GB", price["traffic_gb"] * gb),
    ]


def on_aws(given: Mapping[str, Mapping[str, Assumption]], answer_bytes: float) -> list[Cost]:
    """The bill of Lambda and SageMaker."""
    price = {key: one.value for key, one in given["aws"].items()}
    _, peak, monthly = load(given["visitors"])
    hours = 24 * given["visitors"]["days"].value
    millions, gb = monthly / 1e6, monthly * answer_bytes / 1e9
    seconds = monthly * price["function_gb"] * price["function_ms"] / 1e3
    instances = max(LEAST_PODS, math.ceil(peak / (IN_USE * price["endpoint_rate"])))
    logs = monthly * price["log_kb"] / 1e6
    return [
        Cost("HTTP API", f"{millions:.0f} million calls", price["api_million"] * millions),
        Cost("function", f"{millions:.0f} million calls", price["function_million"] * millions),
        Cost("function's time", f"{seconds / 1e6:.1f} million GB-seconds", price["gb_second"] * seconds),
        Cost("endpoint", f"{instances} instances at {peak:.0f}/s", instances * price["endpoint_hour"] * hours),
        Cost("logs", f"{logs:.0f} GB", price["log_gb"] * logs),
        Cost("answers", f"{gb:.0f} GB", given["cluster"]["traffic_gb"].value * gb),
    ]
