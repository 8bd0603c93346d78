"""Reading MovieLens: its shapes and their variants, and what is noted rather than dropped in silence."""

import gzip

import numpy as np
import pandas as pd
import pytest

from marquee_training.data.movielens import GENRES_100K, load_movielens
from marquee_training.data.synthetic import synthesize, write_movielens

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,101\n2,10,0.5,102\n"
MOVIES = 'movieId,title,genres\n10,Heat (1995),Action|Crime\n20,"Matrix, The (1999)",(no genres listed)\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / "movies.csv").write_text(MOVIES)
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n10,0113277,949\n20,0133093,\n")
    return tmp_path


def test_the_smallest_data_set(folder):
    dataset = load_movielens(folder)
    assert dataset.movies["title"].tolist() == ["Heat", "The Matrix"]
    assert dataset.movies["year"].tolist() == [1995, 1999]
    assert dataset.movies["genres"].tolist() == ["Action|Crime", ""]
    assert dataset.movies["tmdb_id"].tolist() == [949, 0]
    assert dataset.movies["imdb_id"].tolist() == [113277, 133093]
    assert dataset.ratings["rating"].tolist() == [4.0, 3.5, 0.5]
    assert [str(kind) for kind in dataset.ratings.dtypes] == ["int32", "int32", "float32", "int64"]
    assert dataset.notes == ()
    assert len(dataset.tags) == 0
    assert dataset.genome is None


@pytest.mark.parametrize("shape", ["latest", "kaggle", "1m"])
def test_gzipped_files_are_the_same_data(tmp_path, shape):
    write_movielens(synthesize(10, 20, 80), tmp_path, shape)
    plain = load_movielens(tmp_path)
    for path in list(tmp_path.iterdir()):
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = load_movielens(tmp_path)
    pd.testing.assert_frame_equal(packed.ratings, plain.ratings)
    pd.testing.assert_frame_equal(packed.movies, plain.movies)
    assert packed.sha256 == plain.sha256


def test_kaggles_quoted_names_and_times(tmp_path):
    quoted = '"userId","movieId","rating","timestamp"\n1,10,3.5,"2005-04-02 23:53:47"\n'
    (tmp_path / "rating.csv").write_text(quoted)
    (tmp_path / "movie.csv").write_text(MOVIES)
    (tmp_path / "link.csv").write_text('"movieId","imdbId","tmdbId"\n10,"0113277","949.0"\n20,"0133093",\n')
    dataset = load_movielens(tmp_path)
    assert dataset.ratings["timestamp"].tolist() == [1112486027]
    assert dataset.movies["tmdb_id"].tolist() == [949, 0]


def test_movielens_1m(tmp_path):
    (tmp_path / "ratings.dat").write_text("1::10::5::900000001\n2::20::1::900000002\n")
    text = '10::Misérables, Les (1995)::Children\'s|Drama\n20::Say "Cheese", A|B (1999)::Comedy\n'
    (tmp_path / "movies.dat").write_text(text, "latin-1")
    dataset = load_movielens(tmp_path)
    assert dataset.movies["title"].tolist() == ["Les Misérables", 'Say "Cheese", A|B']
    assert dataset.movies["genres"].tolist() == ["Children|Drama", "Comedy"]
    assert dataset.ratings["rating"].tolist() == [5.0, 1.0]
    (tmp_path / "movies.dat").write_text(text, "utf-8")  # as ML-10M has it
    assert load_movielens(tmp_path).movies["title"].iloc[0] == "Les Misérables"


def test_movielens_100k(tmp_path):
    flags = dict.fromkeys(GENRES_100K, "0")
    cells = [*(flags | {"Children's": "1", "Comedy": "1"}).values()], [*(flags | {"unknown": "1"}).values()]
    films = f"1|Cité, La (1995)|01-Jan-1995||http://a|{'|'.join(cells[0])}\n3|unknown||||{'|'.join(cells[1])}\n"
    (tmp_path / "u.item").write_text(films, "latin-1")
    (tmp_path / "u.data").write_text("196\t1\t3\t800000001\n186\t3\t4\t800000002\n")
    dataset = load_movielens(tmp_path)
    assert dataset.movies["title"].tolist() == ["La Cité", "unknown"]
    assert dataset.movies["year"].tolist() == [1995, 0]
    assert dataset.movies["genres"].tolist() == ["Children|Comedy", ""]
    assert dataset.ratings["user_id"].tolist() == [196, 186]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder):
    (folder / "movies.csv").write_bytes(b"\xef\xbb\xbf" + MOVIES.replace("\n", "\r\n").encode())
    assert load_movielens(folder).movies["title"].tolist() == ["Heat", "The Matrix"]


def test_columns_in_another_order_and_further_ones(folder):
    (folder / "ratings.csv").write_text("x,timestamp,movieId,rating,userId\n?,100,10,4.5,7\n")
    assert load_movielens(folder).ratings.iloc[0].tolist() == [7, 10, 4.5, 100]


def test_films_come_in_order_of_their_ids(folder):
    header, *rows = MOVIES.splitlines(keepends=True)
    (folder / "movies.csv").write_text(header + "".join(reversed(rows)))
    assert load_movielens(folder).movies["movie_id"].tolist() == [10, 20]


def test_tags_count_people_not_spellings(folder):
    rows = "1,10,Tense,1\n1,10, tense,2\n2,10,TENSE,3\n2,20,old,4\n"
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n" + rows)
    dataset = load_movielens(folder)
    assert dataset.tags.to_dict("list") == {"movie_id": [10, 20], "tag": ["tense", "old"], "count": [2, 1]}
    assert dataset.notes == ()


GENOME = {
    "genome-tags.csv": "tagId,tag\n2,funny\n1,dark\n",
    "genome-scores.csv": "movieId,tagId,relevance\n20,1,0.25\n10,1,0.5\n10,2,1\n20,2,0\n",
}


def test_the_genome_is_a_matrix_in_order_of_films_and_tags(folder):
    for name, text in GENOME.items():
        (folder / name).write_text(text)
    dataset = load_movielens(folder)
    assert dataset.genome.tags == ("dark", "funny")
    assert dataset.genome.movie_ids.tolist() == [10, 20]
    np.testing.assert_array_equal(dataset.genome.relevance, [[0.5, 1], [0.25, 0]])
    assert dataset.notes == ()


# file, what is added to it (None = removed), the note
NOTED = {
    "links of unknown films": ("links.csv", "99,0000001,5\n98,0000002,6\n", "links.csv: links of 2 films"),
    "tags of unknown films": ("tags.csv", "1,99,odd,5\n", "tags.csv: 1 tags of films"),
    "empty tags": ("tags.csv", "1,10,  ,5\n", "tags.csv: 1 rows with an empty tag"),
    "genome of unknown films": ("genome-scores.csv", "99,1,0.5\n", "genome-scores.csv: 1 films"),
    "half a genome": ("genome-tags.csv", None, "genome-scores.csv isn't used: genome-tags.csv is missing"),
    "the other half": ("genome-scores.csv", None, "genome-tags.csv isn't used: genome-scores.csv is missing"),
    "a tag nobody was scored for": ("genome-tags.csv", "3,odd\n", "genome-scores.csv: 2 pairs of film and tag missing"),
    "a copy that broke off": ("ratings.csv", "2,20,4.0,9", "ratings.csv: the last line has no line end"),
    "packed and unpacked": ("ratings.csv.gz", "", "ratings.csv.gz isn't read"),
    "two sets in a folder": ("rating.csv", "", "rating.csv isn't read, since ratings.csv is there too"),
}


@pytest.mark.parametrize("case", NOTED)
def test_what_is_left_out_is_noted(folder, case):
    name, added, expected = NOTED[case]
    for file, text in GENOME.items():
        (folder / file).write_text(text)
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,10,Tense,100\n")
    if added is None:
        (folder / name).unlink()
    else:
        with (folder / name).open("a") as file:
            file.write(added)
    (note,) = load_movielens(folder).notes
    assert note.startswith(expected)


def test_the_same_files_have_the_same_hash_and_others_another(folder):
    one = load_movielens(folder).sha256
    assert load_movielens(folder).sha256 == one
    (folder / "ratings.csv").write_text(RATINGS.replace("3.5", "3.0"))
    assert load_movielens(folder).sha256 != one
