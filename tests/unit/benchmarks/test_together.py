"""The benchmark of several tastes, on a made-up world."""

import numpy as np
import pytest

from benchmarks.together import ALONE, WAYS, Asked, N, alone, gains, groups
from marquee.pipeline import Pipeline
from marquee_training.data.synthetic import synthesize
from marquee_training.fit import fit, prepare
from tests.unit.benchmarks.conftest import CONFIG


@pytest.fixture(scope="module")
def asked():
    everybody, films = prepare(synthesize(n_users=60, n_movies=90, n_ratings=2600, seed=2), CONFIG)
    contents, _, _ = fit(CONFIG, everybody, films, people=np.arange(40))
    people = np.arange(40, 60)
    users = np.stack([contents.two_tower.encode(everybody.liked(int(person)).tolist()) for person in people])
    return Asked(Pipeline(contents), everybody, people, users / np.linalg.norm(users, axis=1, keepdims=True))


@pytest.mark.parametrize("unlike", [False, True])
def test_groups_want_what_nobody_showed(asked, unlike):
    found = groups(asked, 3, 2, unlike=unlike, seed=0)
    assert len(found) == len(asked.people)
    for members, wanted in found:
        shown = {row for member in members for row in member}
        assert len(members) == 3
        assert all(not shown & set(own.tolist()) for own in wanted)


def test_gains_are_ndcg():
    first, second = gains([np.array([5, 6]), np.array([7])], np.array([5, 6, 7]))
    assert first == 1.0
    assert second == pytest.approx(0.5)  # the third place of three: 1 / log2(4)


@pytest.mark.parametrize("name", WAYS)
def test_every_way_gives_a_list_without_what_was_shown(asked, name):
    for members, _ in groups(asked, 2, 2, unlike=False, seed=1)[:5]:
        rows = WAYS[name](asked.pipeline, members).tolist()
        assert len(set(rows)) == N
        assert not set(rows) & {row for member in members for row in member}


def test_options_are_compared_on_the_same_people(asked):
    found = alone(asked, seed=0)
    for name, (base, metrics) in ALONE.items():
        for metric in metrics:
            assert len(found[name][metric]) == len(found[base][metric]) > 0
    series = "films of a series shown before"
    assert not found["one_per_franchise"][series].any()
