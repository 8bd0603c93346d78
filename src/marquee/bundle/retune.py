"""Other weights for a bundle's re-ranker, without training: a new version whose models are those of the older one."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import first_problem
from marquee.bundle.metrics import Metrics
from marquee.errors import ConfigError
from marquee.models.weights import BlendWeights

ORIGIN = "retuned_from"
"""Key of the manifest's `config`: the version that the models were taken from."""
PROBABLE = ("alpha_tower", "alpha_cf", "half_history", "beta_gen", "gamma_year", "delta_pop", "tau_year")
"""The weights of the blend that `affinity_score` is calibrated on."""


def retuned(bundle: Bundle, changes: Mapping[str, float]) -> Bundle:
    """The bundle with other weights. Its figures are dropped, since they were measured with the earlier ones.

    Where weights of PROBABLE change, the calibration has to be fitted anew (`marquee_training.retune`).

    Raises:
        ConfigError: No weight has this name, a value is out of range, or nothing would change.
    """
    weights = bundle.rerank.weights
    known = [name for name in BlendWeights.model_fields if name != "novelty_scale"]
    if unknown := [name for name in changes if name not in known]:
        raise ConfigError(f"no dial is called {unknown[0]!r}", fix=f"use one of {', '.join(known)}")
    try:
        chosen = BlendWeights(**(weights.model_dump() | dict(changes)))
    except ValidationError as error:
        raise ConfigError(f"--set {first_problem(error)}", fix="see docs/training.md for the range") from None
    changed = {name: value for name, value in changes.items() if value != getattr(weights, name)}
    if not changed:
        now = ", ".join(f"{name}={getattr(weights, name):g}" for name in known)
        raise ConfigError(f"nothing to change in {bundle.version}", fix=f"give other values with --set; now: {now}")
    steps = ", ".join(f"{name} {getattr(weights, name):g} -> {value:g}" for name, value in changed.items())
    score = bundle.metrics.score()
    was = "was not evaluated either" if score is None else f"has NDCG@10 {score:.3f} at {bundle.metrics.seeds} seeds"
    why = f"its dials differ from those of {bundle.version} ({steps}), which {was}"
    return replace(
        bundle,
        rerank=bundle.rerank.model_copy(update={"weights": chosen}),
        metrics=Metrics.model_validate({"not_judged": why}),
        config=bundle.config | changed | {ORIGIN: bundle.version},
        eval_files={},
        code_version=None,
        stored=None,
        path=None,
    )
