"""Every broken file is one error that names the file, the line, its text and a fix."""

import gzip
import os

import pytest

from marquee.errors import DataError
from marquee_training.data.movielens import load_movielens
from marquee_training.data.read_csv import FileFormat, read_table
from marquee_training.data.row_errors import Kind

FILES = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,101\n2,10,0.5,102\n",
    "movies.csv": 'movieId,title,genres\n10,Heat (1995),Action|Crime\n20,"Matrix, The (1999)",(no genres listed)\n',
    "links.csv": "movieId,imdbId,tmdbId\n10,0113277,949\n20,0133093,\n",
    "tags.csv": "userId,movieId,tag,timestamp\n1,10,tense,100\n",
    "genome-tags.csv": "tagId,tag\n1,dark\n2,funny\n",
    "genome-scores.csv": "movieId,tagId,relevance\n10,1,0.5\n10,2,0.25\n20,1,0.1\n20,2,1\n",
}


# name: file, what is replaced (nothing: appended) by what, the line, what is wrong, the line as shown, part of the fix
ROWS = {
    "text in a number": ("ratings", "3.5", "good", 3, "rating is 'good'", "1,20,good,101", "0.5 to 5"),
    "decimal comma": ("ratings", "3.5", '"3,5"', 3, "rating is '3,5'", '1,20,"3,5",101', "0.5 to 5"),
    "text in an id": ("ratings", "2,10", "two,10", 4, "userId is 'two'", "two,10,0.5,102", "need a mapping"),
    "fraction in an id": ("ratings", "2,10", "2.0,10", 4, "userId is '2.0'", "2.0,10,0.5,102", "ids"),
    "no-break space": ("ratings", "3.5", "3.5\u00a0", 3, r"rating is '3.5\xa0'", r"1,20,3.5\xa0,101", "0.5 to 5"),
    "rating too high": ("ratings", "3.5", "10", 3, "rating is '10'", "1,20,10,101", "0.5 to 5"),
    "rating too low": ("ratings", "3.5", "0", 3, "rating is '0'", "1,20,0,101", "0.5 to 5"),
    "rating NaN": ("ratings", "3.5", "NaN", 3, "rating is 'NaN'", "1,20,NaN,101", "0.5 to 5"),
    "rating infinite": ("ratings", "3.5", "-inf", 3, "rating is '-inf'", "1,20,-inf,101", "0.5 to 5"),
    "rating overflows": ("ratings", "3.5", "1e400", 3, "rating is '1e400'", "1,20,1e400,101", "0.5 to 5"),
    "negative id": ("ratings", "2,10", "-2,10", 4, "userId is '-2'", "-2,10,0.5,102", "ids"),
    "id zero": ("ratings", "1,20", "1,0", 3, "movieId is '0'", "1,0,3.5,101", "ids"),
    "id beyond int32": ("ratings", "2,10", "2147483648,10", 4, "userId is '2147", "2147483648,10,0.5,102", "ids"),
    "id beyond int64": ("ratings", "2,10", "9" * 30 + ",10", 4, "userId is '999", "9" * 30 + ",10,0.5,102", "ids"),
    "empty cell": ("ratings", "3.5", "", 3, "rating is empty", "1,20,,101", "fill the cell"),
    "blank cell": ("ratings", "3.5", "  ", 3, "rating is empty", "1,20,  ,101", "fill the cell"),
    "no time": ("ratings", ",101", ",yesterday", 3, "timestamp is 'yesterday'", "1,20,3.5,yesterday", "seconds"),
    "fraction of a second": ("ratings", ",101", ",1.5", 3, "timestamp is '1.5'", "1,20,3.5,1.5", "seconds"),
    "two sorts of time": ("ratings", ",101", ",2005-04-02", 3, "timestamp is '2005", "1,20,3.5,2005-04-02", "seconds"),
    "NUL byte": ("ratings", "3.5", "3\0.5", 3, "there is a NUL byte", r"1,20,3\x00.5,101", "damaged"),
    "too few cells": ("ratings", "", "3,10\n", 5, "2 cells where the file has 4 columns", "3,10", "double quotes"),
    "one cell": ("ratings", "", "3\n", 5, "1 cell where the file has 4 columns", "3", "double quotes"),
    "too many cells": ("ratings", "", "3,10,4.0,5,6\n", 5, "5 cells where", "3,10,4.0,5,6", "double quotes"),
    "duplicate pair": ("ratings", "", "1,20,5,9\n", 5, "user 1 rates film 20 again, after line 3", "1,20,5,9", "one"),
    "unknown film": ("ratings", "", "2,77,5,9\n", 5, "movieId 77 isn't listed in movies.csv", "2,77", "to movies.csv"),
    "duplicate film": ("movies", "", "10,H,Drama\n", 4, "film 10 is listed again, after line 2", "10,H", "one row"),
    "duplicate link": ("links", "", "10,7,8\n", 4, "film 10 is linked again, after line 2", "10,7,8", "one row"),
    "no title": ("movies", "Heat (1995)", "", 2, "title is empty", "10,,Action|Crime", "fill the cell"),
    "open quote": ("movies", "10,Heat", '10,"Heat', 2, "a quoted cell runs", '10,"Heat (1995),Action|Crime', "close"),
    "two lines": ("movies", "10,Heat (1995)", '10,"Heat\n(1995)"', 2, "a quoted cell runs over", '10,"Heat', "close"),
    "TMDB id as text": ("links", "949", "tt9", 2, "tmdbId is 'tt9'", "10,0113277,tt9", "id, or"),
    "TMDB id negative": ("links", "949", "-5", 2, "tmdbId is '-5'", "10,0113277,-5", "id, or"),
    "TMDB id broken": ("links", "949", "9.5", 2, "tmdbId is '9.5'", "10,0113277,9.5", "id, or"),
    "TMDB id blank": ("links", "949", "  ", 2, "tmdbId is empty", "10,0113277,  ", "fill the cell"),
    "tag of nobody": ("tags", "", "x,10,odd,5\n", 3, "userId is 'x'", "x,10,odd,5", "ids"),
    "relevance above 1": ("genome-scores", "0.25", "1.5", 3, "relevance is '1.5'", "10,2,1.5", "0 to 1"),
    "relevance NaN": ("genome-scores", "0.25", "nan", 3, "relevance is 'nan'", "10,2,nan", "0 to 1"),
    "unknown tag": ("genome-scores", "", "20,3,0.5\n", 6, "tagId 3 isn't listed in genome-tags.csv", "20,3", "the tag"),
    "score twice": ("genome-scores", "", "20,2,0\n", 6, "film 20 is scored for tag 2 again, after line 5", "20", "one"),
    "tag twice": ("genome-tags", "", "2,odd\n", 4, "tag 2 is listed again, after line 3", "2,odd", "one row"),
    "missing column": ("ratings", "rating,", "stars,", 1, "column rating missing", "userId,movieId,stars", "must name"),
    "other delimiter": ("ratings", ",", ";", 1, "columns userId, movieId, rating, timestamp", "userId;", "commas"),
    "columns twice": ("ratings", "userId,", "rating,", 1, "column userId missing", "rating,movieId,rating", "must"),
    "header with NUL": ("ratings", "rating,", "rat\0ing,", 1, "there is a NUL byte", r"userId,movieId,rat\x00", "dam"),
    "old Macintosh": ("ratings", "\n", "\r", 1, "the lines end in a carriage return", "userId", "tr '\\r'"),
}  # fmt: skip
ENCODINGS = {
    "latin-1": ("movies", "Heat", "Amélie", 2, "this isn't UTF-8", r"10,Am\xe9lie (1995),Action|Crime", "-f latin1"),
    "utf-16": ("ratings", "", "", 1, "this is UTF-16", r"\xff\xfeu\x00", "-f utf-16"),
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def error_of(folder):
    with pytest.raises(DataError) as caught:
        load_movielens(folder)
    return caught.value


def check_error(folder, case, encoding="utf-8", *, packed=False):
    name, old, new, line, what, shown, fix = case
    path = folder / f"{name}.csv"
    text = FILES[path.name]
    assert old in text
    raw = (text.replace(old, new) if old else text + new).encode(encoding)
    path.write_bytes(raw)
    if packed:
        path.unlink()
        path = folder / f"{name}.csv.gz"
        path.write_bytes(gzip.compress(raw))
    error = error_of(folder)
    assert error.message.startswith(f"{path}, line {line}: {what}")
    assert f"\n    line {line}: {shown}" in error.message
    assert fix in error.fix
    assert "{" not in error.fix
    assert str(error) == f"{error.message}\n  fix: {error.fix}"


@pytest.mark.parametrize("name", ROWS)
def test_a_broken_file_is_one_error_with_the_line_and_a_fix(folder, name):
    check_error(folder, ROWS[name])


@pytest.mark.parametrize("name", ["rating too high", "duplicate pair", "old Macintosh"])
def test_lines_of_gzipped_files_are_counted_alike(folder, name):
    check_error(folder, ROWS[name], packed=True)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_is_one_error(folder, encoding):
    check_error(folder, ENCODINGS[encoding], encoding)


def test_the_sound_folder_is_sound(folder):
    assert load_movielens(folder).notes == ()


def test_a_column_named_twice_is_not_guessed(folder):
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp,rating\n1,10,4,5,3\n")
    assert "ratings.csv, line 1: two columns are called rating" in error_of(folder).message


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_files(folder, name, text):
    (folder / name).write_text(text)
    error = error_of(folder)
    assert error.message == f"{folder / name}, line 1: the file is empty"
    assert "must name the columns" in error.fix


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("name", ["ratings.csv", "movies.csv", "genome-scores.csv", "genome-tags.csv"])
def test_header_only(folder, name, end):
    (folder / name).write_text(FILES[name].splitlines()[0] + end)
    error = error_of(folder)
    assert error.message == f"{folder / name}, line 2: there is a header but no row"
    assert error.fix == "check that the file was copied whole"


@pytest.mark.parametrize("name", ["links.csv", "tags.csv"])
def test_links_and_tags_may_have_no_rows(folder, name):
    (folder / name).write_text(FILES[name].splitlines()[0] + "\n")
    dataset = load_movielens(folder)
    assert (dataset.movies["tmdb_id"].max() == 0) == (name == "links.csv")
    assert dataset.tags.empty == (name == "tags.csv")


def test_a_missing_file_is_named(folder):
    (folder / "movies.csv").unlink()
    error = error_of(folder)
    assert error.message == f"{folder / 'movies.csv'} is missing"
    assert error.fix == "copy movies.csv (or movies.csv.gz) there; it comes with ratings.csv"


def test_missing_ratings_are_named(folder):
    (folder / "ratings.csv").unlink()
    error = error_of(folder)
    assert "holds no ratings: none of ratings.csv, rating.csv, ratings.dat, u.data is there" in error.message
    assert error.fix == "copy ratings.csv there, beside movies.csv"


def test_the_folder_above_is_told_which_one_is_meant(folder):
    (folder / "ml").mkdir()
    for name in FILES:
        (folder / name).rename(folder / "ml" / name)
    assert error_of(folder).fix == f"give the folder below it: {folder / 'ml'}"


@pytest.mark.parametrize(
    ("kind", "said"), [("missing", "doesn't exist"), ("file", "isn't a folder"), ("empty", "none of")]
)
def test_not_a_movielens_folder(tmp_path, kind, said):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("")
    elif kind == "empty":
        place.mkdir()
    error = error_of(place)
    assert error.message.startswith(str(place))
    assert said in error.message
    assert error.fix == "give the folder that holds MovieLens' files"


def test_a_file_that_may_not_be_read(folder, monkeypatch):
    (folder / "ratings.csv").chmod(0)
    if os.access(folder / "ratings.csv", os.R_OK):  # root may read everything

        def refuse(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("marquee_training.data.read_csv.open_rows", refuse)
    error = error_of(folder)
    assert error.message.endswith("can't be opened: Permission denied")
    assert error.fix.startswith("make it readable: chmod +r ")


@pytest.mark.parametrize("damage", ["cut", "checksum", "garbage after", "no gzip"])
def test_damaged_gzip(folder, damage):
    rows = b"".join(b"%d,10,4.0,%d\n" % (person, person * person) for person in range(3, 5000))
    packed = gzip.compress(FILES["ratings.csv"].encode() + rows)
    broken = {
        "cut": packed[: len(packed) // 2],
        "checksum": packed[:-8] + bytes(8),
        "garbage after": packed + b"garbage",
        "no gzip": b"userId,movieId\n",
    }
    (folder / "ratings.csv").unlink()
    (folder / "ratings.csv.gz").write_bytes(broken[damage])
    error = error_of(folder)
    assert error.message.startswith(f"{folder / 'ratings.csv.gz'}, line ")
    assert "or later: can't be read to its end (" in error.message
    assert error.fix == "the file is cut short or damaged: copy or download it again"


def test_many_bad_rows_are_one_error_that_counts_them_and_shows_three(folder):
    bad = "".join(f"{person},10,bad,1\n" for person in range(3, 203))
    (folder / "ratings.csv").write_text(FILES["ratings.csv"] + bad + "-1,10,4.0,1\n")
    assert error_of(folder).message.splitlines()[1:] == [
        "    line 5: 3,10,bad,1",
        "  and 199 more such rows, among them:",
        "    line 6: 4,10,bad,1",
        "    line 7: 5,10,bad,1",
        "  1 row has another fault",
    ]


def test_a_file_that_is_wrong_throughout_is_not_searched_to_its_end(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("a\n" + "0\n" * 20_000)
    read = []
    with pytest.raises(DataError, match=r"line 2: a is '0'[^$]*and at least 999 more such rows") as caught:
        read_table(path, FileFormat(path.name, {"a": Kind.ID}), block_bytes=5000, advance=read.append)
    assert "another fault" not in caught.value.message
    assert sum(read) < 10_000


def test_a_long_line_is_cut_where_it_is_shown(folder):
    (folder / "movies.csv").write_text(FILES["movies.csv"] + "x,\x1b[31m" + "y" * 10_000 + ",z\n")
    message = error_of(folder).message
    assert "line 4: x,\\x1b[31myyy" in message
    assert len(message) < 500


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n\n"])
def test_lines_are_counted_as_editors_do(folder, end):
    header, *rows = FILES["ratings.csv"].splitlines()
    step = end.count("\n") or 1
    (folder / "ratings.csv").write_bytes((header + "\n" + end.join([*rows, "1,20,5.0,9"]) + end).encode())
    said = f"line {2 + 3 * step}: user 1 rates film 20 again, after line {2 + step}"
    assert said in error_of(folder).message


@pytest.mark.parametrize("block_bytes", [1, 10, 64, 1 << 20])
def test_lines_are_counted_across_chunks(tmp_path, block_bytes):
    path = tmp_path / "some.csv"
    columns = FileFormat(path.name, {"a": Kind.ID, "b": Kind.RATING})
    path.write_text("a,b\n" + "".join(f"{n},{n % 5 + 0.5}\n" for n in range(1, 200)))
    table = read_table(path, columns, block_bytes=block_bytes)
    assert table.columns["a"].tolist() == list(range(1, 200))
    assert not table.is_cut
    path.write_text(path.read_text() + "7,bad\n8,worse\n")
    with pytest.raises(DataError, match=r"line 201: b is 'bad'[^$]*1 more such row[^$]*line 202: 8,worse"):
        read_table(path, columns, block_bytes=block_bytes)


DAT = {"ratings.dat": "1::10::4::100\n1::20::3::101\n", "movies.dat": "10::Heat (1995)::Crime\n20::Up (2009)::Drama\n"}
DAT_CASES = {
    "too many cells": ("movies.dat", "Heat", "He::at", "line 1: 4 cells where the file has 3", "no cell may hold a ::"),
    "too few": ("ratings.dat", "1::20::3", "1:20:3", "line 2: 2 cells where the file has 4", "no cell may hold a ::"),
    "tab": ("movies.dat", "Up", "U\tp", "line 2: there is a tab in this row", "write a space instead of the tab"),
    "rating": ("ratings.dat", "::3::", "::6::", "line 2: rating is '6'", "0.5 to 5"),
    "pair": ("ratings.dat", "1::20::3", "1::10::3", "line 2: user 1 rates film 10 again, after line 1", "keep one"),
    "unknown film": ("ratings.dat", "1::20", "1::30", "line 2: movieId 30 isn't listed in movies.dat", "to movies.dat"),
}


@pytest.mark.parametrize("case", DAT_CASES)
def test_broken_files_without_a_header(tmp_path, case):
    name, old, new, what, fix = DAT_CASES[case]
    for file, text in DAT.items():
        (tmp_path / file).write_text(text.replace(old, new) if file == name else text)
    error = error_of(tmp_path)
    assert error.message.startswith(f"{tmp_path / name}, {what}")
    assert fix in error.fix


@pytest.mark.parametrize("name", DAT)
def test_empty_files_without_a_header(tmp_path, name):
    for file, text in DAT.items():
        (tmp_path / file).write_text("" if file == name else text)
    assert error_of(tmp_path).message == f"{tmp_path / name}, line 1: the file is empty"
