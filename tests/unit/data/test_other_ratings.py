"""Ratings that aren't stars, rows without times, genres with other separators: read, and said in a note."""

import gzip

import pytest

from marquee.errors import DataError
from marquee_training.data.movielens import load_movielens
from marquee_training.interactions import is_like

MOVIES = "movieId,title,genres\n10,Heat (1995),Action|Crime\n20,Alien (1979),Horror\n30,Up (2009),Comedy\n"


def load(tmp_path, ratings, movies=MOVIES, name="ratings.csv"):
    (tmp_path / name).write_text(ratings)
    (tmp_path / "movies.csv").write_text(movies)
    return load_movielens(tmp_path)


@pytest.mark.parametrize(
    ("text", "likes", "note"),
    [
        ("userId,movieId\n1,10\n2,20\n", [True, True], "no column rating, so each row counts as a like"),
        ("userId,movieId,timestamp\n1,10,5\n2,20,6\n", [True, True], "no column rating"),
        ("userId,movieId,rating\n1,10,1.0\n2,20,1.0\n", [True, True], "each rating is 1, so each row counts as a like"),
        ("userId,movieId,rating\n1,10,1\n2,20,0\n", [True, False], "thumbs, 1 up"),
        ("userId,movieId,rating\n1,10,1\n2,20,-1\n1,30,0\n", [True, False, False], "thumbs, 1 up"),
        ("userId,movieId,rating\n1,10,1\n2,20,0.5\n", [False, False], ""),  # stars of people who like little
    ],
)
def test_likes_without_stars(tmp_path, text, likes, note):
    dataset = load(tmp_path, text)
    assert is_like(dataset.ratings, 4.0).tolist() == likes
    assert dataset.ratings["rating"].between(0.5, 5).all()
    assert note in " ".join(dataset.notes)


@pytest.mark.parametrize(
    ("rows", "delimiter", "name", "likes"),
    [
        (["1,10", "2,20"], "::", "ratings.dat", [True, True]),
        (["1,10,2", "2,20,5"], "::", "ratings.dat", [False, True]),
        (["1,10,2", "2,20,5"], "\t", "u.data", [False, True]),
    ],
)
def test_files_without_a_header_may_lack_the_last_columns(tmp_path, rows, delimiter, name, likes):
    (tmp_path / "movies.dat").write_text("10::Heat (1995)::Action\n20::Alien (1979)::Horror\n")
    flags = "|".join(["0"] * 19)
    (tmp_path / "u.item").write_text(f"10|Heat (1995)||||{flags}\n20|Alien (1979)||||{flags}\n")
    (tmp_path / name).write_text("".join(row.replace(",", delimiter) + "\n" for row in rows))
    dataset = load_movielens(tmp_path)
    assert is_like(dataset.ratings, 4.0).tolist() == likes
    assert not dataset.ratings["timestamp"].any()


def test_a_rating_under_another_name_is_not_taken_for_none(tmp_path):
    with pytest.raises(DataError, match=r"line 1: column rating missing") as error:
        load(tmp_path, "userId,movieId,stars\n1,10,5\n")
    assert "or remove the columns stars, then each row counts as a like" in error.value.fix


@pytest.mark.parametrize("value", ["0", "0.25", "-1"])
def test_what_is_neither_stars_nor_thumbs_is_refused_with_its_line(tmp_path, value):
    with pytest.raises(DataError, match=rf"line 3: rating is '{value}', not a number from 0.5 to 5") as error:
        load(tmp_path, f"userId,movieId,rating\n1,10,4\n2,20,{value}\n")
    assert "thumbs: to 1 and 0" in error.value.fix


def test_each_rating_a_thumb_down_is_refused(tmp_path):
    with pytest.raises(DataError, match="line 2: rating is '0'"):
        load(tmp_path, "userId,movieId,rating\n1,10,0\n2,20,0\n")


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("userId,movieId,rating\n1,10,4\n2,20,3\n", [0, 0]),
        ("userId,movieId,rating,timestamp\n1,10,4,\n2,20,3,100\n", [0, 100]),
        ("userId,movieId,rating,timestamp\n1,10,4,2005-04-02 23:53:47\n2,20,3,\n", [1112486027, 0]),
        ("userId,movieId,rating,timestamp\n1,10,4,\n2,20,3,2005-04-02 23:53:47\n", [0, 1112486027]),
    ],
)
def test_rows_without_a_time(tmp_path, text, times):
    dataset = load(tmp_path, text)
    assert dataset.ratings["timestamp"].tolist() == times
    assert f"{times.count(0)} rows without a time" in " ".join(dataset.notes)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "time", ["253402300800", "1112486027000", "1112486027000000", "4102444800", "-62135596801", "9223372036854775807"]
)
def test_times_in_another_unit_are_found_with_their_line(tmp_path, time, zipped):
    text = f"userId,movieId,rating,timestamp\n1,10,4,100\n2,20,3,{time}\n"
    (tmp_path / "movies.csv").write_text(MOVIES)
    path = tmp_path / ("ratings.csv.gz" if zipped else "ratings.csv")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    with pytest.raises(
        DataError, match=rf"{path.name}, line 3: timestamp is '{time}', .* before the year 2100"
    ) as error:
        load_movielens(tmp_path)
    assert "milliseconds divided by 1000" in error.value.fix


@pytest.mark.parametrize(
    ("cells", "genres", "note"),
    [
        (['"Action, Comedy"', "Drama"], ["Action|Comedy", "Drama"], "separated by ','"),
        (["Action;Comedy", "Drama"], ["Action|Comedy", "Drama"], "separated by ';'"),
        (["Action / Comedy", "Drama"], ["Action|Comedy", "Drama"], "separated by '/'"),
        (['"[""Action"", ""Comedy""]"', "[]"], ["Action|Comedy", ""], ""),
        (["\"['Action', 'Comedy']\"", "(no genres listed)"], ["Action|Comedy", ""], ""),
        (['"[{""id"": 28, ""name"": ""Action""}]"', "Drama"], ["Action", "Drama"], ""),
        (
            ['"Kids, Family"', "Action|Drama"],
            ["Kids, Family", "Action|Drama"],
            "by '|', but not in 1 of 2 rows, such as 'Kids, Family'",
        ),
        (['"Kids, Family"', "Action;Drama"], ["Kids, Family", "Action|Drama"], "by ';', but not in 1 of 2 rows"),
        (['"[{""id"": 1, ""name"": ""Action"", ""ok"": true}]"', "Drama"], ["Action", "Drama"], ""),
        (['"{""id"": null, ""name"": ""Action""}"', "Drama"], ["Action", "Drama"], ""),
    ],
)
def test_genres_with_other_separators(tmp_path, cells, genres, note):
    movies = f"movieId,title,genres\n10,Heat (1995),{cells[0]}\n20,Alien (1979),{cells[1]}\n"
    dataset = load(tmp_path, "userId,movieId,rating,timestamp\n1,10,4,100\n1,20,3,100\n", movies)
    assert dataset.movies["genres"].tolist() == genres
    assert note in " ".join(dataset.notes)
    assert bool(note) == bool(dataset.notes)


@pytest.mark.parametrize("cell", ['"[""Action"', "[28]", '"[{""id"": 28}]"', "[Action]", "['A' 'B']", '"{A,B}"'])
def test_genres_that_are_no_list_are_refused_with_their_line(tmp_path, cell):
    movies = f"movieId,title,genres\n10,Heat (1995),Drama\n20,Alien (1979),{cell}\n"
    with pytest.raises(DataError, match=r"movies.csv, line 3: genres is '[\[{]") as error:
        load(tmp_path, "userId,movieId,rating,timestamp\n1,10,4,100\n", movies)
    assert "write them as Action|Comedy" in error.value.fix
