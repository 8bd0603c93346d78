"""Which settings are tried: blocks of dials, of which every combination is a row; the others stay as configured."""

import itertools
from dataclasses import replace
from typing import Any

from marquee.errors import ConfigError
from marquee.models.weights import BlendWeights
from marquee_training.config import TrainingConfig
from marquee_training.sweep.grid import Dials, configured

Block = dict[str, list[Any]]

STEPS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0]
SVD_GRID = [f"{kind}:{factors}" for kind in ("svd_centered", "pure_svd") for factors in (16, 32, 64, 128, 256)]
REQUEST: list[Block] = [{"diversity": STEPS}, {"novelty": STEPS}]
"""What each step of the dials that a request may turn costs."""

SIZES: dict[str, list[Block]] = {
    "quick": [
        {"diversity": [0.0, 0.3, 0.6], "novelty": [0.0, 0.5]},
        {"delta_pop": [-1.2, 0.0], "beta_gen": [0.0, 1.0]},
    ],
    "medium": [
        *REQUEST,
        {
            "beta_gen": [0.0, 0.5, 1.0],
            "gamma_year": [0.0, 0.2],
            "delta_pop": [-1.8, -1.2, -0.6, 0.0],
            "lambda_mmr": [0.8, 0.9, 0.95, 1.0],
        },
        {"alpha_cf": [0.5, 1.0, 2.0]},
        {"item_cf": [*SVD_GRID, "ease:200", "ease:1000", "edlae:200"]},
    ],
    "full": [
        {"diversity": STEPS, "novelty": STEPS},
        {
            "alpha_cf": [0.75, 1.5, 2.0],
            "beta_gen": [0.0, 0.25, 0.5, 1.0, 1.5],
            "gamma_year": [0.0, 0.2, 0.5],
            "delta_pop": [-1.8, -1.2, -0.6, 0.0],
            "lambda_mmr": [0.8, 0.9, 0.95, 1.0],
        },
        {"genre_weight": [0.3, 0.6, 1.0], "lambda_mmr": [0.7, 0.8, 0.9]},
        {"tau_year": [4.0, 16.0], "gamma_year": [0.2, 0.5]},
        {
            "item_cf": [*SVD_GRID, *(f"{kind}:{l2}" for kind in ("ease", "edlae") for l2 in (50, 200, 1000))],
            "alpha_cf": [0.5, 1.0, 1.5],
        },
    ],
}


def settings_of(config: TrainingConfig, size: str) -> list[Dials]:
    """The rows of a sweep, each once, the configured one first.

    Raises:
        ConfigError: No such size.
    """
    if size not in SIZES:
        raise ConfigError(f"no sweep is called {size!r}", fix=f"use one of {', '.join(SIZES)}")
    base = configured(config)
    found = [base]
    for block in SIZES[size]:
        found += [turned(base, dict(zip(block, values, strict=True))) for values in itertools.product(*block.values())]
    return list({dials.digest: dials for dials in found}.values())


def turned(base: Dials, dials: dict[str, Any]) -> Dials:
    """A setting with some dials turned, each by its name in the CSV."""
    own = {name: value for name, value in dials.items() if name in ("diversity", "novelty")}
    weights = {name: value for name, value in dials.items() if name not in own and name != "item_cf"}
    return replace(
        base,
        view=dials.get("item_cf", base.view),
        weights=BlendWeights(**(base.weights.model_dump() | weights)),
        **own,
    )
