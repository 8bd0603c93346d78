"""The towers: what serving computes is what training optimised; runs are reproducible and survive a kill."""

import numpy as np
import pytest
import torch

from marquee.errors import DataError
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.baselines import popularity_scores
from marquee_training.evaluation.cases import few_seed_cases
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.protocols import validation_ndcg
from marquee_training.evaluation.ranking import by_scores, tower_scores
from marquee_training.interactions import split_people
from marquee_training.two_tower.batches import epoch
from marquee_training.two_tower.classic import sample_triplets
from marquee_training.two_tower.model import SetTwoTower
from marquee_training.two_tower.train import one_cycle, train_two_tower

CONFIG = TrainingConfig(
    epochs=24, eval_every=4, patience=24, embedding_size=16, batch_size=32, learning_rate=1e-2, eval_min_positives=12
)


def same(one, other):
    return all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays())


def test_export_scores_as_torch_does(world, content):
    torch.manual_seed(0)
    model = SetTwoTower(content, world.popularity, embedding_size=16, dropout=0.5, id_dropout=0.5)
    torch.nn.init.normal_(model.hidden.weight)
    tower = model.export()
    sets = [[1], [5, 9, 33], list(range(20))]
    seeds = torch.tensor([row for part in sets for row in part])
    sizes = torch.tensor([float(len(part)) for part in sets])
    offsets = torch.tensor([0, 1, 4])
    model.eval()
    with torch.no_grad():
        users, items = model(seeds, offsets, sizes)
        logits = (users @ items.T + model.item_bias).numpy()
    for part, expected in zip(sets, logits, strict=True):
        np.testing.assert_allclose(tower.scores(part), expected, atol=1e-4)


def test_inputs_have_the_size_of_requests(world):
    batches = list(epoch(world, np.random.default_rng(0), batch_size=50, max_seeds=6, long_share=0.0))
    sizes = torch.cat([batch.sizes for batch in batches])
    assert len(sizes) == (world.n_liked >= 2).sum()
    assert sizes.min() == 1
    assert sizes.max() == 6
    long = torch.cat(
        [b.sizes for b in epoch(world, np.random.default_rng(0), batch_size=50, max_seeds=6, long_share=1.0)]
    )
    assert long.mean() > sizes.mean()


def test_beats_popularity_on_people_never_seen(world, content):
    fold = split_people(120, 4, 0.2, 0)[0]
    tower, _, _ = train_two_tower(
        CONFIG, world.select(fold.train), content, validate=validation_ndcg(CONFIG, world, fold.validation)
    )
    cases = few_seed_cases(world, fold.test, 3, min_positives=12, draws=3, seed=9)
    popularity = popularity_scores(world.select(fold.train).popularity)
    ours = mean_ndcg(by_scores(tower_scores(tower)), cases).mean()
    theirs = mean_ndcg(by_scores(popularity), cases).mean()
    assert ours > theirs + 0.2


def test_content_alone_places_a_new_film(world, content):
    """A film that nobody rated is ranked by its content, thanks to id dropout."""
    new = np.append(content, [[1, 0, 0], [0, 1, 0]], axis=0).astype(np.float32)
    from scipy import sparse

    from marquee_training.interactions import Interactions

    wider = Interactions(
        world.user_ids,
        np.append(world.movie_ids, [900, 903]),
        sparse.hstack([world.ratings, sparse.csr_matrix((120, 2))]).tocsr(),
        sparse.hstack([world.likes, sparse.csr_matrix((120, 2))]).tocsr(),
    )
    config = CONFIG.model_copy(update={"id_dropout": 0.3})
    tower = train_two_tower(config, wider, new)[0]
    bias_free = tower.scores([0, 3, 6]) - tower.item_bias
    assert bias_free[60] > bias_free[61]


def test_same_seed_same_model(world, content):
    runs = [train_two_tower(CONFIG, world, content, stop_after=3)[0] for _ in range(2)]
    assert same(*runs)
    other = train_two_tower(CONFIG.model_copy(update={"seed": 2}), world, content, stop_after=3)
    assert not same(runs[0], other[0])


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_exactly_where_it_was(world, content, tmp_path):
    fold = split_people(120, 4, 0.2, 0)[0]
    given = {"validate": validation_ndcg(CONFIG, world, fold.validation)}
    whole = train_two_tower(CONFIG, world.select(fold.train), content, **given)
    path = tmp_path / "work" / "checkpoint.safetensors"

    def die_at(limit):
        def report(epoch, most, metrics):
            if epoch == limit:
                raise Killed

        return report

    for limit in (2, 6, 15):  # before the first checkpoint, and twice between checkpoints
        with pytest.raises(Killed):
            train_two_tower(CONFIG, world.select(fold.train), content, **given, checkpoint=path, report=die_at(limit))
    epochs = []
    resumed = train_two_tower(
        CONFIG, world.select(fold.train), content, **given, checkpoint=path, report=lambda e, *_: epochs.append(e)
    )
    assert epochs[0] == 13
    assert resumed[1] == whole[1]
    assert same(resumed[0], whole[0])


def test_a_damaged_checkpoint_starts_over(world, content, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"not safetensors")
    fresh = train_two_tower(CONFIG, world, content, stop_after=4)
    again = train_two_tower(CONFIG, world, content, stop_after=4, checkpoint=path)
    assert same(fresh[0], again[0])


def test_stops_when_validation_stops_improving(world, content):
    config = CONFIG.model_copy(update={"epochs": 400, "patience": 8})
    fold = split_people(120, 4, 0.2, 0)[0]
    _, epochs, history = train_two_tower(
        config, world.select(fold.train), content, validate=validation_ndcg(CONFIG, world, fold.validation)
    )
    assert len(history) < 400
    looked = {int(e["epoch"]): e["val_ndcg@10"] for e in history if "val_ndcg@10" in e}
    assert looked[epochs] == max(looked.values())
    assert len(history) - epochs >= 8


def test_nothing_to_learn_from(world, content):
    with pytest.raises(DataError, match=r"none of 0 people likes two films"):
        train_two_tower(CONFIG, world.select(np.array([], dtype=np.int64)), content)


def test_schedule_rises_and_falls():
    rates = [one_cycle(step / 100) for step in range(100)]
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01
    assert rates.index(max(rates)) == 10


class TestClassic:
    CLASSIC = CONFIG.model_copy(update={"loss": "triplet", "epochs": 5, "triplet_samples": 2000})

    @pytest.mark.parametrize("negatives", ["hard", "random"])
    def test_triplets_are_what_they_say(self, world, negatives):
        config = self.CLASSIC.model_copy(update={"triplet_negatives": negatives, "triplet_samples": 500})
        people, liked, disliked = sample_triplets(config, world, np.random.default_rng(0))
        assert len(people) == len(liked) == len(disliked) == 500
        assert np.asarray(world.likes[people, liked]).min() == 1
        rated = np.asarray(world.ratings[people, disliked])
        if negatives == "hard":
            assert ((rated > 0) & (rated <= 2)).all()
        else:
            assert (rated == 0).any()

    def test_exports_unit_vectors_and_the_mean_of_seeds(self, world, content):
        tower = train_two_tower(self.CLASSIC, world, content)[0]
        np.testing.assert_allclose(np.linalg.norm(tower.item_vectors, axis=1), 1, atol=1e-5)
        expected = tower.item_vectors @ tower.item_vectors[[2, 7]].mean(0)
        np.testing.assert_allclose(tower.scores([2, 7]), expected, atol=1e-5)

    def test_without_dislikes_there_are_no_hard_negatives(self, world):
        from dataclasses import replace

        happy = replace(world, ratings=world.likes * 5)
        with pytest.raises(DataError, match=r"no hard negatives[^$]*random"):
            sample_triplets(self.CLASSIC, happy, np.random.default_rng(0))
