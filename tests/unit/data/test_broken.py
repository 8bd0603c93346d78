"""Every broken file is one error that names the file, the line, its text and a fix."""

import gzip
import os
from dataclasses import dataclass

import pytest

from marquee.errors import DataError
from marquee_training.data.columns import Column, Kind
from marquee_training.data.movielens import load_movielens
from marquee_training.data.read_csv import read_table

FILES = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,101\n2,10,0.5,102\n",
    "movies.csv": 'movieId,title,genres\n10,Heat (1995),Action|Crime\n20,"Matrix, The (1999)",(no genres listed)\n',
    "links.csv": "movieId,imdbId,tmdbId\n10,0113277,949\n20,0133093,\n",
    "tags.csv": "userId,movieId,tag,timestamp\n1,10,tense,100\n",
    "genome-tags.csv": "tagId,tag\n1,dark\n2,funny\n",
    "genome-scores.csv": "movieId,tagId,relevance\n10,1,0.5\n10,2,0.25\n20,1,0.1\n20,2,1\n",
}


@dataclass(frozen=True)
class Case:
    """One change to a sound folder, and the error it must give; `text` is the offending line as it is shown."""

    name: str
    file: str
    old: str
    new: str
    line: int
    what: str
    text: str
    fix: str
    encoding: str = "utf-8"


def row(name, old, new, line, what, text, fix, file="ratings.csv", **more):
    return Case(name, file, old, new, line, what, text, fix, **more)


def more(name, new, line, what, fix, file="ratings.csv"):
    return Case(name, file, "", new, line, what, new.removesuffix("\n"), fix)


SCALE = "ratings run from 0.5 to 5"
IDS = "ids are whole numbers from 1 to 2147483647"
PLAIN = "write a plain number there"
CELLS = "give each row as many cells as the file has columns; put a cell that holds a , in double quotes"
TIME = 'write whole seconds since 1970 or "2005-04-02 23:53:47"'
CASES = [
    row("text in a number", "3.5", "good", 3, "rating is 'good', not a number", "1,20,good,101", PLAIN),
    row("decimal comma", "3.5", '"3,5"', 3, "rating is '3,5', not a number", '1,20,"3,5",101', PLAIN),
    row("text in an id", "2,10", "two,10", 4, "userId is 'two', not a whole number", "two,10,0.5,102", PLAIN),
    row("fraction in an id", "2,10", "2.0,10", 4, "userId is '2.0', not a whole number", "2.0,10,0.5,102", PLAIN),
    row("no-break space", "3.5", "3.5\u00a0", 3, "rating is '3.5\\xa0', not a number", "1,20,3.5\\xa0,101", PLAIN),
    row("rating too high", "3.5", "10", 3, "rating is 10, outside 0.5 to 5", "1,20,10,101", SCALE),
    row("rating too low", "3.5", "0", 3, "rating is 0, outside 0.5 to 5", "1,20,0,101", SCALE),
    row("rating NaN", "3.5", "NaN", 3, "rating is NaN, not a finite number", "1,20,NaN,101", SCALE),
    row("rating infinite", "3.5", "-inf", 3, "rating is -inf, not a finite number", "1,20,-inf,101", SCALE),
    row("rating overflows", "3.5", "1e400", 3, "rating is 1e400, not a finite number", "1,20,1e400,101", SCALE),
    row("negative id", "2,10", "-2,10", 4, "userId is -2, outside 1 to 2147483647", "-2,10,0.5,102", IDS),
    row("id zero", "1,20", "1,0", 3, "movieId is 0, outside 1 to 2147483647", "1,0,3.5,101", IDS),
    row("id beyond int32", "2,10", "2147483648,10", 4, "userId is 2147483648, outside", "2147483648,10,0.5,102", IDS),
    row("id beyond int64", "2,10", "9" * 30 + ",10", 4, "userId is 999", "9" * 30 + ",10,0.5,102", IDS),
    row("empty cell", "3.5", "", 3, "rating is empty", "1,20,,101", "fill the cell"),
    row("blank cell", "3.5", "  ", 3, "rating is empty", "1,20,  ,101", "fill the cell"),
    row("no time", ",101", ",yesterday", 3, "timestamp is 'yesterday', not whole", "1,20,3.5,yesterday", TIME),
    row("fraction of a second", ",101", ",1.5", 3, "timestamp is '1.5', not whole", "1,20,3.5,1.5", TIME),
    row("two sorts of time", ",101", ",2005-04-02", 3, "timestamp is '2005-04-02', not", "1,20,3.5,2005-04-02", TIME),
    row("NUL byte", "3.5", "3\0.5", 3, "there is a NUL byte in this row", "1,20,3\\x00.5,101", "damaged"),
    more("too few cells", "3,10\n", 5, "2 cells where the file has 4 columns", CELLS),
    more("one cell", "3\n", 5, "1 cell where the file has 4 columns", CELLS),
    more("too many cells", "3,10,4.0,5,6\n", 5, "5 cells where the file has 4 columns", CELLS),
    more("duplicate pair", "1,20,5.0,9\n", 5, "user 1 rates film 20 again, after line 3", "keep one of the rows"),
    more("film that movies lacks", "2,77,5,9\n", 5, "movieId 77 isn't listed in movies.csv", "add the film to movies"),
    more("duplicate film", "10,Heat,Drama\n", 4, "film 10 is listed again, after line 2", "one row", "movies.csv"),
    more("duplicate link", "10,7,8\n", 4, "film 10 is linked again, after line 2", "one row per film", "links.csv"),
    row("no title", "Heat (1995)", "", 2, "title is empty", "10,,Action|Crime", "fill the cell", "movies.csv"),
    row(
        "wrong encoding",
        *(
            "Heat",
            "Amélie",
            2,
            "this isn't UTF-8 text",
            "10,Am\\xe9lie (1995),Action|Crime",
            "iconv -f latin1 -t utf-8",
        ),
        file="movies.csv",
        encoding="latin-1",
    ),
    row(
        "quote not closed",
        *("10,Heat", '10,"Heat', 2, "a quoted cell runs over the end of the line"),
        *('10,"Heat (1995),Action|Crime', "close the double quote", "movies.csv"),
    ),
    row(
        "cell over two lines",
        *("10,Heat (1995)", '10,"Heat\n(1995)"', 2, "a quoted cell runs over", '10,"Heat', "close", "movies.csv"),
    ),
    row("TMDB id as text", "949", "tt9", 2, "tmdbId is 'tt9', not a", "10,0113277,tt9", "TMDB id, or", "links.csv"),
    row("TMDB id negative", "949", "-5", 2, "tmdbId is -5, not a whole", "10,0113277,-5", "TMDB id, or", "links.csv"),
    row("TMDB id broken", "949", "9.5", 2, "tmdbId is 9.5, not a whole", "10,0113277,9.5", "TMDB id", "links.csv"),
    row("TMDB id blank", "949", "  ", 2, "tmdbId is empty", "10,0113277,  ", "fill the cell", "links.csv"),
    more("tag of nobody", "x,10,odd,5\n", 3, "userId is 'x', not a whole number", PLAIN, "tags.csv"),
    row("relevance above 1", "0.25", "1.5", 3, "relevance is 1.5, outside", "10,2,1.5", "0 to 1", "genome-scores.csv"),
    row("relevance NaN", "0.25", "nan", 3, "relevance is nan, outside", "10,2,nan", "0 to 1", "genome-scores.csv"),
    more("unknown tag", "20,3,0.5\n", 6, "tagId 3 isn't listed in genome-tags.csv", "add the tag", "genome-scores.csv"),
    more("score twice", "20,2,0.5\n", 6, "film 20 is scored for tag 2 again, after line 5", "one", "genome-scores.csv"),
    more("tag twice", "2,odd\n", 4, "tag 2 is listed again, after line 3", "keep one row", "genome-tags.csv"),
    row(
        "missing column", "rating,", "stars,", 1, "column rating missing", "userId,movieId,stars,timestamp", "must name"
    ),
    row(
        "other delimiter", ",", ";", 1, "columns userId, movieId, rating, timestamp missing", "userId;mov", "by commas"
    ),
    row("column twice", "userId,", "rating,", 1, "column userId missing", "rating,movieId,rating", "must name"),
    row("NUL in the header", "rating,", "rat\0ing,", 1, "there is a NUL byte", "userId,movieId,rat\\x00ing", "damaged"),
    row(
        "UTF-16", "", "", 1, "this is UTF-16, not UTF-8 text", "\\xff\\xfeu\\x00", "iconv -f utf-16", encoding="utf-16"
    ),
    row("old Macintosh", "\n", "\r", 1, "the lines end in a carriage return alone", "userId,movieId", "tr '\\r' '\\n'"),
]


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def error_of(folder):
    with pytest.raises(DataError) as caught:
        load_movielens(folder)
    return caught.value


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_is_one_error_with_the_line_and_a_fix(folder, case, packed):
    text = FILES[case.file]
    assert case.old in text
    text = text.replace(case.old, case.new) if case.old else text + case.new
    path = folder / case.file
    path.write_bytes(text.encode(case.encoding))
    if packed:
        path = folder / f"{case.file}.gz"
        path.write_bytes(gzip.compress((folder / case.file).read_bytes()))
        (folder / case.file).unlink()
    error = error_of(folder)
    assert error.message.startswith(f"{path}, line {case.line}: {case.what}")
    assert f"\n    line {case.line}: {case.text}" in error.message
    assert case.fix in error.fix
    assert "{" not in error.fix
    assert str(error) == f"{error.message}\n  fix: {error.fix}"


def test_the_sound_folder_is_sound(folder):
    assert load_movielens(folder).notes == ()


def test_a_column_named_twice_is_not_guessed(folder):
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp,rating\n1,10,4,5,3\n")
    assert "ratings.csv, line 1: column rating stands there twice" in error_of(folder).message


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_files(folder, name, text):
    (folder / name).write_text(text)
    error = error_of(folder)
    assert error.message == f"{folder / name}, line 1: the file is empty"
    assert error.fix.startswith("the first line must name the columns: ")


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
    bad = "".join(f"{person},10,bad,1\n" for person in range(3, 1003))
    (folder / "ratings.csv").write_text(FILES["ratings.csv"] + bad + "-1,10,4.0,1\n")
    assert error_of(folder).message.splitlines()[1:] == [
        "    line 5: 3,10,bad,1",
        "  and 999 more such rows, among them:",
        "    line 6: 4,10,bad,1",
        "    line 7: 5,10,bad,1",
        "  1 other row has faults of another sort",
    ]


def test_a_file_that_is_wrong_throughout_is_not_searched_to_its_end(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("a\n" + "0\n" * 20_000)
    read = []
    with pytest.raises(DataError, match=r"line 2: a is 0, outside[^$]*and at least 9,999 more such rows") as caught:
        read_table(path, [Column("a", Kind.ID)], chunk_bytes=5000, advance=read.append)
    assert "faults of another sort" not in caught.value.message
    assert sum(read) < 30_000


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


@pytest.mark.parametrize("chunk_bytes", [1, 10, 64, 1 << 20])
def test_lines_are_counted_across_chunks(tmp_path, chunk_bytes):
    path = tmp_path / "some.csv"
    columns = [Column("a", Kind.ID), Column("b", Kind.RATING)]
    path.write_text("a,b\n" + "".join(f"{n},{n % 5 + 0.5}\n" for n in range(1, 200)))
    table = read_table(path, columns, chunk_bytes=chunk_bytes)
    assert table.numbers["a"].tolist() == list(range(1, 200))
    assert (table.n_rows, table.is_cut) == (199, False)
    path.write_text(path.read_text() + "7,bad\n8,worse\n")
    with pytest.raises(DataError, match=r"line 201: b is 'bad'[^$]*1 more such row[^$]*line 202: 8,worse"):
        read_table(path, columns, chunk_bytes=chunk_bytes)


DAT = {"ratings.dat": "1::10::4::100\n1::20::3::101\n", "movies.dat": "10::Heat (1995)::Crime\n20::Up (2009)::Drama\n"}
DAT_CASES = {
    "too many cells": ("movies.dat", "Heat", "He::at", "line 1: 4 cells where the file has 3", "no cell may hold a ::"),
    "too few": ("ratings.dat", "1::20::3", "1:20:3", "line 2: 2 cells where the file has 4", "no cell may hold a ::"),
    "tab": ("movies.dat", "Up", "U\tp", "line 2: there is a tab in this row", "write a space instead of the tab"),
    "rating": ("ratings.dat", "::3::", "::6::", "line 2: rating is 6, outside 0.5 to 5", SCALE),
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
