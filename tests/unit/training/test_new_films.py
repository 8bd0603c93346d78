"""Films without ratings get parameters by their content."""

from dataclasses import replace

import numpy as np
import pytest

from marquee_training.fit import Films, fit
from marquee_training.item_cf import fit_edlae, fit_few_seed_ridge
from marquee_training.new_films import NewFilms
from tests.unit.training.conftest import SHORT_CONFIG

NEW = np.arange(3, 60, 10)  # two films of each of the three tastes: row % 3


@pytest.fixture(scope="module")
def before(world):
    """The same people, before the new films came."""
    known = np.ones(60, dtype=np.float32)
    known[NEW] = 0

    def without(matrix):
        left = matrix.multiply(known).tocsr()
        left.eliminate_zeros()
        return left

    return replace(world, ratings=without(world.ratings), likes=without(world.likes))


@pytest.fixture(scope="module")
def new(before, content):
    return NewFilms.of(before, content, np.flatnonzero(before.popularity))


def test_are_those_that_nobody_rated(new):
    np.testing.assert_array_equal(new.rows, NEW)


def test_get_the_mean_of_films_of_the_same_content(new):
    taste = np.arange(60) % 3
    filled = new.fill(np.where(np.isin(np.arange(60), NEW), 9, taste).astype(np.float32))
    np.testing.assert_allclose(filled[NEW], taste[NEW], atol=0.1)
    rest = np.setdiff1d(np.arange(60), NEW)
    np.testing.assert_array_equal(filled[rest], taste[rest])


def test_none_leave_all_as_it_is(world, content):
    nobody = NewFilms.of(world, content, np.arange(60))
    vectors = np.ones((60, 4), dtype=np.float32)
    np.testing.assert_array_equal(nobody.fill(vectors), vectors)
    weights, rows = nobody.extend(np.eye(60, dtype=np.float32))
    assert weights.shape == (60, 60)
    np.testing.assert_array_equal(rows, np.arange(60))


@pytest.mark.parametrize("view", ["few seeds", "history"])
def test_item_item_views_pull_new_films_of_the_same_taste(before, content, view):
    sizes = {"n_neighbors": 60, "content": content}
    fitted = (
        fit_few_seed_ridge(before, l2=3.0, max_seeds=10, **sizes)
        if view == "few seeds"
        else fit_edlae(before, l2=5.0, dropout=0.5, **sizes)
    )
    pull = fitted.pull([0, 6])  # films of taste 0
    same = NEW % 3 == 0
    assert pull[NEW][same].min() > pull[NEW][~same].max()
    as_seed = fitted.pull([int(NEW[same][0])])  # a new film as the only seed
    rest = np.setdiff1d(np.arange(60), NEW)
    assert as_seed[rest][rest % 3 == 0].mean() > as_seed[rest][rest % 3 != 0].mean()


def test_do_not_change_what_the_views_say_of_others(before, content):
    rest = np.setdiff1d(np.arange(60), NEW)
    sizes = {"l2": 5.0, "dropout": 0.5, "n_neighbors": 8}
    with_them, without = fit_edlae(before, **sizes, content=content), fit_edlae(before, **sizes)
    np.testing.assert_array_equal(with_them.pull([0, 6])[rest], without.pull([0, 6])[rest])


def test_the_bundle_recommends_them_to_the_right_people(before, content, make_contents):
    catalog = make_contents(n_movies=60).catalog
    bundle, _, _ = fit(SHORT_CONFIG, before, Films(catalog, content), people=np.arange(len(before.user_ids)))
    assert not bundle.catalog.popularity[NEW].any()
    for scores in (bundle.two_tower.scores([0, 6]), bundle.item_cf.scores([0, 6])):
        assert scores[NEW[NEW % 3 == 0]].min() > scores[NEW[NEW % 3 != 0]].max()
