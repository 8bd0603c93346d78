"""Bundles of the older layout, made by the libraries that made them, and hostile ones."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import LabelEncoder
from torch import nn

from marquee.bundle import load, publish
from marquee.errors import BundleError, PublishRefused
from marquee_training.legacy.convert import LEGACY_RERANK, import_legacy

MOVIE_IDS = [1, 3, 7, 9, 20, 31, 47]
TITLES = ["Toy Story (1995)", "Matrix, The (1999)", "Heat (1995)", "Untitled", "Ünï (2001)", "A (1950)", "B (1960)"]
GENRES = [["Comedy"], ["Action"], ["Action", "Crime"], [], ["Comedy", "Crime"], ["Action"], ["Crime"]]
FEATURES = ["Action", "Comedy", "Crime", "genome_tag_1", "genome_tag_2"]


class ItemTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.movie_embed = nn.Embedding(len(MOVIE_IDS), 32)
        self.content_mlp = nn.Sequential(nn.Linear(len(FEATURES), 128), nn.ReLU(), nn.Linear(128, 64))
        self.final_mlp = nn.Sequential(nn.Linear(96, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, ids: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.movie_embed(ids), self.content_mlp(content)], dim=1)
        return self.final_mlp(both)  # type: ignore[no-any-return]


class UserTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user_embed = nn.Embedding(11, 32)
        self.user_mlp = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64))


class TwoTowers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user_tower = UserTower()
        self.item_tower = ItemTower()


def films() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"title": TITLES, "genres": GENRES}, index=pd.Index(MOVIE_IDS, name="movieId"))
    for name in FEATURES[:3]:
        frame[name] = [int(name in genres) for genres in GENRES]
    for name in FEATURES[3:]:
        frame[name] = rng.random(len(frame))
    return frame


def dump(path: Path, value: Any) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete older bundle, with films in the factors' file that the catalogue lacks, and the other way round."""
    folder = tmp_path / "older"
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(TwoTowers().state_dict(), folder / "model.pth")
    dump(folder / "movie_encoder.pkl", LabelEncoder().fit(MOVIE_IDS))
    dump(folder / "user_encoder.pkl", LabelEncoder().fit(range(100, 111)))
    dump(folder / "movie_features_df.pkl", films())
    dump(folder / "content_feature_names.pkl", FEATURES)
    known = np.array([1, 7, 8, 9, 47], np.int32)
    index = np.array({int(movie): row for row, movie in enumerate(known)}, dtype=object)
    factors = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    np.savez(folder / "svd_ctr_raw_qk128.npz", Q=factors, movie_ids=known, movie_index=index)
    (folder / "link.csv").write_text("movieId,imdbId,tmdbId\n1,114709,862\n3,133093,603.0\n7,113277,\n8,1,2\n")
    return folder


def older_ranking(folder: Path, seeds: list[int]) -> list[int]:
    """As the older server ranked: the mean of unit item vectors, and its cosine with all of them."""
    model = TwoTowers()
    model.load_state_dict(torch.load(folder / "model.pth", weights_only=True))
    content = torch.tensor(films()[FEATURES].to_numpy(dtype=np.float32))
    with torch.no_grad():
        vectors = model.item_tower(torch.arange(len(MOVIE_IDS)), content).numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = cosine_similarity(vectors[seeds].mean(axis=0, keepdims=True), vectors)[0]
    return [int(row) for row in np.argsort(-scores) if row not in seeds]


@pytest.mark.parametrize("seeds", [[0], [1, 4], [2, 3, 6]])
def test_it_ranks_as_the_older_code_did(folder: Path, seeds: list[int]) -> None:
    tower = import_legacy(folder).two_tower
    scores = tower.scores(seeds)
    assert [int(row) for row in np.argsort(-scores) if row not in seeds] == older_ranking(folder, seeds)
    assert np.allclose(np.linalg.norm(tower.item_vectors, axis=1), 1, atol=1e-5)


def test_the_catalogue(folder: Path) -> None:
    catalog = import_legacy(folder).catalog
    assert catalog.movie_ids.tolist() == MOVIE_IDS
    assert catalog.titles[:4] == ("Toy Story", "The Matrix", "Heat", "Untitled")
    assert catalog.years[:4].tolist() == [1995, 1999, 1995, 0]
    assert catalog.genre_names == ("Action", "Comedy", "Crime")
    assert catalog.genres[2].tolist() == [True, False, True]
    assert catalog.tmdb_ids[:4].tolist() == [862, 603, 0, 0]
    assert not catalog.popularity.any()


def test_the_factors_follow_the_catalogue_by_film(folder: Path) -> None:
    factors = import_legacy(folder).item_cf.factors
    assert factors is not None
    with np.load(folder / "svd_ctr_raw_qk128.npz", allow_pickle=False) as archive:
        held = archive["Q"]
    unit = held / np.linalg.norm(held, axis=1, keepdims=True)
    for row, theirs in ((0, 0), (2, 1), (3, 3), (6, 4)):
        assert np.allclose(factors[row], unit[theirs], atol=1e-6)
    assert not factors[[1, 4, 5]].any()


def test_the_other_form_of_the_factors(folder: Path) -> None:
    (folder / "svd_ctr_raw_qk128.npz").unlink()
    np.savez_compressed(
        folder / "svd_runtime_data.npz", Q=np.eye(7), movie_index={movie: row for row, movie in enumerate(MOVIE_IDS)}
    )
    assert np.array_equal(import_legacy(folder).item_cf.factors, np.eye(7))  # type: ignore[arg-type]


def test_it_tells_where_it_came_from(folder: Path) -> None:
    contents = import_legacy(folder)
    assert contents.data.counts == {"movies": 7, "users": 11}
    assert contents.data.source == "older layout in older"
    assert contents.config["imported_files"][0] == "content_feature_names.pkl"
    assert len(contents.config["imported_files"]) == 7
    assert contents.rerank == LEGACY_RERANK
    assert import_legacy(folder).data.sha256 == contents.data.sha256 != ""


def test_it_can_be_published_by_force_and_loaded(folder: Path, store: Path) -> None:
    contents = import_legacy(folder)
    with pytest.raises(PublishRefused, match="has no ndcg@10"):
        publish(store, contents)
    publish(store, contents, force=True)
    assert np.array_equal(load(store).two_tower.scores([0, 1]), contents.two_tower.scores([0, 1]))


def test_files_in_subfolders(folder: Path) -> None:
    expected = import_legacy(folder).two_tower.item_vectors
    (folder / "twotower").mkdir()
    (folder / "factors").mkdir()
    for path in list(folder.glob("*.p*")):
        path.rename(folder / "twotower" / path.name)
    for path in list(folder.glob("*.npz")):
        path.rename(folder / "factors" / path.name)
    assert np.array_equal(import_legacy(folder).two_tower.item_vectors, expected)


def test_what_may_be_missing(folder: Path) -> None:
    expected = import_legacy(folder).two_tower.item_vectors
    for name in ("content_feature_names.pkl", "user_encoder.pkl", "link.csv"):
        (folder / name).unlink()
    contents = import_legacy(folder)
    assert np.array_equal(contents.two_tower.item_vectors, expected)
    assert contents.data.counts == {"movies": 7}
    assert not contents.catalog.tmdb_ids.any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("movie_encoder.pkl", "holds no movie_encoder.pkl"),
        ("movie_features_df.pkl", "holds no movie_features_df.pkl"),
        ("model.pth", "holds no model.pth"),
        ("svd_ctr_raw_qk128.npz", "holds no svd_ctr_raw_qk128.npz or svd_runtime_data.npz or"),
    ],
)
def test_what_may_not_be_missing(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=message):
        import_legacy(folder)


def test_rows_in_another_order_are_put_in_order(folder: Path) -> None:
    expected = import_legacy(folder)
    dump(folder / "movie_features_df.pkl", films().iloc[::-1])
    contents = import_legacy(folder)
    assert np.array_equal(contents.two_tower.item_vectors, expected.two_tower.item_vectors)
    assert contents.catalog.titles == expected.catalog.titles


def test_films_without_features_as_the_older_training_filled_them(folder: Path) -> None:
    with_objects = films().astype({"title": object}).iloc[:-1]  # as all strings were before pandas 3
    dump(folder / "movie_features_df.pkl", with_objects.reindex(MOVIE_IDS, fill_value=0))
    catalog = import_legacy(folder).catalog
    assert catalog.titles[-1] == "Film 47"
    assert not catalog.genres[-1].any()


def only_old_films() -> pd.DataFrame:
    return films().iloc[:-1]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("movie_encoder.pkl", [1, 2], "movie_encoder.pkl: not a LabelEncoder"),
        ("movie_encoder.pkl", LabelEncoder().fit(["a", "b"]), "movie_encoder.pkl isn't what the older layout has"),
        ("movie_encoder.pkl", LabelEncoder(), "movie_encoder.pkl isn't what the older layout has: KeyError"),
        ("movie_features_df.pkl", [1], "movie_features_df.pkl: found list"),
        ("movie_features_df.pkl", only_old_films(), "movie_features_df.pkl lacks 1 films of the encoder, such as 47"),
        ("content_feature_names.pkl", ["Action", "Western"], "lacks the feature 'Western'"),
        ("content_feature_names.pkl", FEATURES[:3], "of 7 films with 5 features, the other files of 7 with 3"),
        ("content_feature_names.pkl", {"a": 1}, "content_feature_names.pkl: found dict"),
    ],
)
def test_files_that_do_not_fit_are_refused_by_name(folder: Path, name: str, value: Any, message: str) -> None:
    dump(folder / name, value)
    with pytest.raises(BundleError, match=message):
        import_legacy(folder)


def test_weights_of_something_else_are_refused(folder: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, folder / "model.pth")
    with pytest.raises(BundleError, match=r"model\.pth lacks the weights 'item_tower\.movie_embed\.weight'"):
        import_legacy(folder)
    (folder / "model.pth").write_bytes(b"garbage")
    with pytest.raises(BundleError, match=r"model\.pth isn't a file of weights alone"):
        import_legacy(folder)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_checkpoint_holds_the_weights_in_an_entry(folder: Path, prefix: str) -> None:
    expected = import_legacy(folder).two_tower.item_vectors
    weights = torch.load(folder / "model.pth", weights_only=True)
    named = {prefix + name: value for name, value in weights.items()}
    state = {
        "epoch": 3,
        "optimizer_state_dict": {"state": {}, "param_groups": []},
        "model_state_dict": named,
        "loss": 0.1,
    }
    torch.save(state, folder / "model.pth")
    assert np.array_equal(import_legacy(folder).two_tower.item_vectors, expected)


@pytest.mark.parametrize(
    ("saved", "found"),
    [
        ({"epoch": 3, "loss": 0.5}, r"a dict of epoch \(int\), loss \(float\)"),
        ([1, 2], "a list"),
        ({}, "a dict of nothing"),
        (torch.zeros(2), "a Tensor"),
    ],
)
def test_a_file_without_weights_says_what_it_holds(folder: Path, saved: Any, found: str) -> None:
    torch.save(saved, folder / "model.pth")
    with pytest.raises(BundleError, match=rf"model\.pth holds {found}, not weights by name[^$]*state_dict\(\)"):
        import_legacy(folder)


def test_an_honest_table_that_can_not_be_read_is_not_called_hostile(folder: Path) -> None:
    dump(folder / "movie_features_df.pkl", films().assign(Action=pd.Categorical(["a"] * 7)))
    with pytest.raises(BundleError, match=r"refers to pandas.*Categorical.*nothing of it was run") as error:
        import_legacy(folder)
    assert "write it anew with plain columns" in error.value.fix


def test_factors_of_something_else_are_refused(folder: Path) -> None:
    np.savez(folder / "svd_ctr_raw_qk128.npz", P=np.eye(7))
    with pytest.raises(BundleError, match=r"svd_ctr_raw_qk128\.npz isn't what the older layout has"):
        import_legacy(folder)


def test_links_of_something_else_are_refused(folder: Path) -> None:
    (folder / "link.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BundleError, match=r"link\.csv isn't what the older layout has"):
        import_legacy(folder)


class Evil:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


def _pickle(path: Path, evil: Evil) -> None:
    dump(path, evil)


def _in_state(path: Path, evil: Evil) -> None:
    value = pickle.loads(path.read_bytes())  # noqa: S301 - ours
    if hasattr(value, "attrs"):
        value.attrs["evil"] = evil
    elif hasattr(value, "classes_"):
        value.evil = evil
    else:
        value.append(evil)
    dump(path, value)


PICKLES = ("movie_encoder.pkl", "user_encoder.pkl", "movie_features_df.pkl", "content_feature_names.pkl")


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("plant", [_pickle, _in_state])
def test_a_hostile_pickle_is_never_run(
    folder: Path, tmp_path: Path, name: str, plant: Callable[[Path, Evil], None]
) -> None:
    plant(folder / name, Evil(tmp_path / "canary"))
    with pytest.raises(BundleError, match=f"{name} refers to posix.system, .* nothing of it was run"):
        import_legacy(folder)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("array", ["Q", "movie_ids", "movie_index"])
def test_a_hostile_array_is_never_run(folder: Path, tmp_path: Path, array: str) -> None:
    evil = np.array([Evil(tmp_path / "canary")], dtype=object)
    arrays = {"Q": np.eye(7), "movie_ids": np.array(MOVIE_IDS), array: evil}
    np.savez(folder / "svd_ctr_raw_qk128.npz", **arrays)
    with pytest.raises(BundleError, match=rf"svd_ctr_raw_qk128\.npz \({array}\.npy\) refers to posix\.system"):
        import_legacy(folder)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("form", ["zip", "pickle", "old"])
def test_hostile_weights_are_never_run(folder: Path, tmp_path: Path, form: str) -> None:
    path, evil = folder / "model.pth", Evil(tmp_path / "canary")
    if form == "pickle":
        dump(path, evil)
    else:
        torch.save({"x": evil}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(BundleError, match=r"model\.pth isn't a file of weights alone, and nothing else in it was run"):
        import_legacy(folder)
    assert not (tmp_path / "canary").exists()
