"""Publish gate: a bundle that is worse than the current one, or than popularity, is only published by force.

It compares metrics at 5 seeds, or at fewer where so many can't be judged (docs/adr/0017). docs/quality.md defines them,
and says how the margins were found.
"""

from marquee.bundle.manifest import DataInfo, Manifest
from marquee.bundle.metrics import Metrics

LEAST_PEOPLE = 20
"""Figures of fewer people decide nothing: the interval on NDCG@10 is about .2 wide."""
MARGIN = 0.01
METRIC = "ndcg@10"
# Metric, how much of the current bundle's value may be lost (negative: less is worse; positive: more is worse),
# what a loss means, what helps. Shares, since these metrics have other sizes on other data.
BOUNDS = (
    ("coverage@10", -0.20, "less of the catalogue is shown", "lower delta_pop, so that hits count for less"),
    ("ild@10", -0.02, "lists are less varied", "lower lambda_mmr"),
    ("stratified_recall@20", -0.05, "fewer of the lesser-known films are found", "lower delta_pop"),
    ("niche_ndcg@10", -0.04, "people with niche taste are served worse", "lower delta_pop"),
    ("personalisation@10", -0.05, "lists of different people are more alike", "lower delta_pop"),
    ("hits_share@10", 0.10, "lists have more films that are shown for fame alone", "lower delta_pop"),
    ("genre_divergence@10", 0.05, "lists keep less to a person's genres", "raise beta_gen or lambda_mmr"),
)
ABOVE_POPULARITY = ("coverage@10", "stratified_recall@20")


def gate(candidate: Metrics, current: Metrics | None, margin: float = MARGIN) -> list[str]:
    """Reasons against publishing; empty if there are none.

    `current` is the live bundle's metrics, if the two can be compared (see `incomparable`); `margin` is how much
    NDCG@10 may be lost against it, since evaluation is noisy.
    """
    pipeline, popularity = candidate.score(), candidate.score("popularity")
    if pipeline is None or popularity is None:
        return [f"the bundle has no {METRIC} at {_seeds(candidate.seeds)}, so nothing shows that it is any good"]
    reasons = []
    if pipeline < popularity:
        score = f"{METRIC} at {_seeds(candidate.seeds)} is {pipeline:.4f}"
        reasons.append(f"{score}, below what popularity alone reaches ({popularity:.4f})")
    reasons += _against_popularity(candidate)
    shared = shared_seeds(candidate, current) if current else None
    return reasons + (_against_current(candidate, current, shared, margin) if current and shared else [])


def shared_seeds(ours: Metrics, theirs: Metrics) -> str | None:
    """The largest number of seeds, at most MAIN_SEEDS, at which both were judged."""
    most = min(int(ours.seeds), int(theirs.seeds))
    both = [k for k in range(1, most + 1) if None not in (ours.score(seeds=str(k)), theirs.score(seeds=str(k)))]
    return str(max(both)) if both else None


def undecided(metrics: Metrics) -> str | None:
    """Reason why figures can't decide for or against a bundle, where its training says so; None if they can."""
    if metrics.score() is None:
        return metrics.not_judged
    if metrics.n_people is not None and metrics.n_people < LEAST_PEOPLE:
        return f"only {metrics.n_people} people could judge it, and fewer than {LEAST_PEOPLE} decide nothing"
    return None


def incomparable(metrics: Metrics, data: DataInfo, current: Manifest) -> str | None:
    """Reason why a candidate's metrics can't be compared with the current bundle's; None if they can."""
    if current.metrics.score() is None:
        return f"not compared with {current.version}: it has no {METRIC} at {_seeds(current.metrics.seeds)}"
    if not data.sha256 or data.sha256 != current.data.sha256:
        return f"not compared with {current.version}: it was trained on other data ({current.data.name})"
    ours, theirs = metrics.protocol, current.metrics.protocol
    if ours != theirs:
        return f"not compared with {current.version}: measured by protocol {theirs!r}, this one by {ours!r}"
    if shared_seeds(metrics, current.metrics) is None:
        return f"not compared with {current.version}: the two were judged at no number of seeds that both have"
    return None


def half_comparable(current: Manifest) -> str | None:
    """Reason why only NDCG@10 can be compared with the current bundle's; None if all metrics can."""
    if _has_beyond(current.metrics):
        return None
    return f"compared with {current.version} by {METRIC} alone: it has no figures beyond accuracy"


def _has_beyond(metrics: Metrics) -> bool:
    models = ("pipeline", "popularity")
    return all(metrics.beyond_accuracy(name, model) is not None for name in ABOVE_POPULARITY for model in models)


def _against_popularity(metrics: Metrics) -> list[str]:
    """A list of the most liked films can score well on NDCG: coverage and stratified recall tell the two apart."""
    if not _has_beyond(metrics):
        names = f"{' and '.join(ABOVE_POPULARITY)} at {_seeds(metrics.seeds)}"
        return [f"the bundle has no {names}, so nothing shows that it is more than a list of hits"]
    reasons = []
    for name in ABOVE_POPULARITY:
        ours, theirs = metrics.beyond_accuracy(name), metrics.beyond_accuracy(name, "popularity")
        # In a tiny catalogue popularity can show or find everything; nothing can be above that.
        if ours is not None and theirs is not None and ours <= theirs < 1:
            reasons.append(
                f"{name} at {_seeds(metrics.seeds)} is {ours:.4f}, not above what popularity alone reaches "
                f"({theirs:.4f}): lower delta_pop, so that hits count for less"
            )
    return reasons


def _against_current(metrics: Metrics, current: Metrics, seeds: str, margin: float) -> list[str]:
    reasons = []
    ours, live = metrics.score(seeds=seeds), current.score(seeds=seeds)
    if ours is not None and live is not None and ours < live - margin:
        where = f"{METRIC} at {_seeds(seeds)} is {ours:.4f}"
        reasons.append(f"{where}, more than {margin:g} below the current bundle's {live:.4f}")
    for name, may_lose, meaning, fix in BOUNDS:
        ours, live = metrics.beyond_accuracy(name, seeds=seeds), current.beyond_accuracy(name, seeds=seeds)
        if ours is None or live is None:
            continue
        limit = live * (1 + may_lose)
        if ours > limit if may_lose > 0 else ours < limit:
            reasons.append(
                f"{name} at {_seeds(seeds)} is {ours:.4f}, more than {abs(may_lose):.0%} "
                f"{'above' if may_lose > 0 else 'below'} the current bundle's {live:.4f}: {meaning}; {fix}"
            )
    return reasons


def _seeds(k: str) -> str:
    return "1 seed" if k == "1" else f"{k} seeds"
