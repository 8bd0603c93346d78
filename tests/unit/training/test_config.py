"""Training configurations."""

import re
import tomllib

import pytest

from marquee.errors import ConfigError
from marquee_training.config import CONFIGS, TrainingConfig, fitting, load_config


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_ones_load(path):
    config = load_config(path.stem)
    for key, value in tomllib.loads(path.read_text()).items():
        assert getattr(config, key) == value


@pytest.mark.parametrize("name", ["small", "medium", "full"])
def test_the_defaults_for_use_set_every_value_that_their_models_read(name):
    written = set(tomllib.loads((CONFIGS / f"{name}.toml").read_text()))
    other = ("triplet", "svd", "item_cf_dropout")
    other_models = {field for field in TrainingConfig.model_fields if field.startswith(other)}
    assert written == set(TrainingConfig.model_fields) - other_models


@pytest.mark.parametrize(
    ("n_ratings", "name"),
    [(1, "small"), (300_000, "small"), (300_001, "medium"), (3_000_000, "medium"), (20_000_263, "full")],
)
def test_auto_goes_by_the_number_of_ratings(n_ratings, name):
    assert fitting("auto", n_ratings) == name
    assert fitting("classic", n_ratings) == "classic"


def test_weights_reach_the_blend():
    weights = load_config("classic").blend_weights
    assert (weights.alpha_cf, weights.beta_gen, weights.gamma_year, weights.delta_pop) == (1.0, 0.15, 0.10, 0.05)
    assert (weights.tau_year, weights.lambda_mmr, weights.genre_weight) == (8.0, 0.8, 0.6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epocs = 3", r"unknown key 'epocs'[^$]*fix: remove it, or use one of .*epochs"),
        ("epochs = 0", r"epochs = 0: Input should be greater than or equal to 1"),
        ('epochs = "many"', r"epochs = 'many'"),
        ("learning_rate = 0", r"learning_rate = 0: Input should be greater than 0"),
        ("learning_rate = -1e-3", r"learning_rate = -0.001: Input should be greater than 0"),
        ("learning_rate = inf", r"learning_rate = inf: Input should be a finite number"),
        ("beta_gen = nan", r"beta_gen = nan: Input should be a finite number"),
        ("eval_folds = 3", r"toml: eval_folds_run = 5, but there are eval_folds = 3[^$]*fix: set both"),
        ('loss = "hinge"', r"loss = 'hinge'[^$]*softmax"),
        ("epochs = ", r"not TOML"),
        ("epochs = \xff", r"not TOML"),
    ],
)
def test_mistakes_are_named_with_their_fix(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(str(path))
    assert re.search(re.escape(str(path)), caught.value.message)
    assert caught.value.fix


def test_a_wrong_name_lists_the_shipped_ones():
    with pytest.raises(ConfigError, match=r"'smal'[^$]*classic, full, medium, quick, small"):
        load_config("smal")
