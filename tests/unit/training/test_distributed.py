"""Several processes under torchrun's agent train what one trains, go on after a kill, and refuse to differ."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from marquee.bundle.read import load
from marquee.errors import ConfigError
from marquee_training import distributed
from marquee_training.progress import Reporter
from marquee_training.train import train
from marquee_training.two_tower.batches import epoch
from marquee_training.two_tower.model import SetTwoTower
from marquee_training.two_tower.softmax import softmax_loss
from tests.unit.training.conftest import SHORT_CONFIG

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder of killed_job.py after a job in which process 1 is killed, and a second one."""
    folder = tmp_path_factory.mktemp("job")
    command = [sys.executable, "-m", "tests.unit.training.killed_job", folder]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_shares_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(distributed.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: 3)
    for n in (0, 1, 2, 7, 96):
        rows = []
        for rank in range(3):
            monkeypatch.setattr(distributed.dist, "get_rank", lambda rank=rank: rank)
            rows += range(n)[distributed.share(n)]
        assert rows == list(range(n))


@pytest.mark.parametrize("processes", [2, 3, 40])
def test_gradients_of_the_shares_add_up_to_the_batch_gradient(world, content, processes):
    """With dropout on: all processes draw the same numbers. 40 processes: some have no row of 32."""
    (batch, *_) = epoch(world, np.random.default_rng(0), batch_size=32, max_seeds=5, long_share=0.2)

    def gradients(shares):
        torch.manual_seed(0)
        model = SetTwoTower(content, world.popularity, embedding_size=16, dropout=0.3, id_dropout=0.2)
        for rows in shares:
            torch.manual_seed(1)
            users, items = model(batch.seeds, batch.offsets, batch.sizes)
            softmax_loss(users[rows], items, model.item_bias, batch, rows).backward()
        return {name: value.grad for name, value in model.named_parameters()}

    whole = gradients([slice(0, 32)])
    parts = gradients([slice(32 * i // processes, 32 * (i + 1) // processes) for i in range(processes)])
    for name, gradient in whole.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(parts[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(job, dataset, tmp_path):
    """Sums are added in another order, so the weights differ a little; the films that they find don't."""
    train(dataset, SHORT_CONFIG, tmp_path, reporter=Reporter(quiet=True))
    two, one = load(job / "whole"), load(tmp_path)
    assert two.manifest.metrics.document["n_people"] == one.manifest.metrics.document["n_people"]
    for k, rows in one.manifest.metrics.document["ndcg@10"].items():
        assert two.manifest.metrics.document["ndcg@10"][k] == pytest.approx(rows, abs=0.02), k
    for seeds in ([0], [3, 7, 12], list(range(0, 60, 6))):
        scores = [bundle.two_tower.scores(seeds) for bundle in (two, one)]
        # The loss doesn't see a shift of all scores, so rounding decides it.
        np.testing.assert_allclose(*(values - values.mean() for values in scores), atol=0.05)


@pytest.mark.slow
def test_a_killed_process_ends_all_and_the_next_start_goes_on(job):
    """SIGKILL to process 1, which process 0 waits for; the next start ends with the same bytes."""
    assert load(job / "killed").manifest.content_hash() == load(job / "whole").manifest.content_hash()


def test_processes_with_different_ratings_are_refused(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "all_gather", lambda value: [value, "another"])
    with pytest.raises(ConfigError, match="the same ratings, configuration or version of Marquee"):
        train(dataset, SHORT_CONFIG, tmp_path, reporter=Reporter(quiet=True))
    assert not (tmp_path / "CURRENT.json").exists()


def test_half_an_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match="torchrun"), distributed.process_group():
        pass
