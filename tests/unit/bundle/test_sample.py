import filecmp
from pathlib import Path

import numpy as np

from marquee.bundle import load
from marquee.bundle.sample import sample_contents, write_sample

COMMITTED = Path(__file__).parents[3] / "artifacts" / "sample"


def test_writing_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b", "b"):  # the second time in place of the first
        write_sample(tmp_path / name)
    names = [path.name for path in (tmp_path / "a").iterdir()]
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False) == (names, [], [])


def test_the_committed_one_is_sound_and_up_to_date() -> None:
    """Compared by value, since another processor may round the last bit differently."""
    bundle, made = load(COMMITTED), sample_contents()
    assert bundle.catalog.titles == made.catalog.titles
    assert bundle.catalog.genre_names == made.catalog.genre_names
    assert bundle.rerank == made.rerank, "run: python -m marquee.bundle.sample"
    for name, array in made.two_tower.arrays().items():
        assert np.allclose(bundle.two_tower.arrays()[name], array, atol=1e-6)
    for name, array in made.item_cf.arrays().items():
        assert np.allclose(bundle.item_cf.arrays()[name], array, atol=1e-3)
    for name in ("movie_ids", "tmdb_ids", "years", "genres", "popularity"):
        assert np.array_equal(getattr(bundle.catalog, name), getattr(made.catalog, name))
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*")) < 200_000


def test_recommendations_look_sane() -> None:
    """Films for children lead to films for children, by both views."""
    contents = sample_contents()
    catalog = contents.catalog
    children = np.flatnonzero(catalog.genres[:, catalog.genre_names.index("Children")])
    seeds = children[:2].tolist()
    for scores in (contents.two_tower.scores(seeds), contents.item_cf.scores(seeds)):
        scores[seeds] = -np.inf
        assert set(np.argsort(-scores)[:4]) <= set(children.tolist())
