"""Pickles that would run something are refused, and nothing of them runs."""

import base64
import builtins
import contextlib
import functools
import operator
import os
import pickle
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder

from marquee.errors import BundleError
from marquee_training.legacy.records import array_of, frame_of
from marquee_training.legacy.restricted_pickle import Record, read_npz, read_pickle, read_pickle_file

OLD = {
    name: zlib.decompress(base64.b64decode(text))
    for name, text in __import__("runpy").run_path(str(Path(__file__).with_name("old_pickles.py"))).items()
    if name.isupper()
}


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def hostile(canary: Path) -> dict[str, Any]:
    touch = f"touch {canary}"
    write = f"open({str(canary)!r}, 'w')"
    return {
        "os.system": Call(os.system, touch),
        "eval": Call(eval, write),
        "exec": Call(exec, write),
        "open": Call(open, str(canary), "w"),
        "subprocess": Call(subprocess.check_output, touch, 0),
        "import": Call(__import__, "antigravity"),
        "getattr": Call(getattr, "x", "upper"),
        "attrgetter": Call(operator.attrgetter("upper"), "x"),
        "partial": functools.partial(os.system, touch),
        "read_pickle": Call(pd.read_pickle, str(canary)),
        "pandas.eval": Call(pd.eval, "1"),
        "numpy.load": Call(np.load, str(canary)),
        "np.apply": Call(np.apply_along_axis, len, 0, 1),
        "in a list": [1, (2, {"x": [Call(os.system, touch)]})],
        "as a key": {Call(os.system, touch): 1},
        "as an argument": Call(slice, Call(os.system, touch)),
        "as a state": StateOf(Call(os.system, touch)),
        "in an array": np.array([Call(os.system, touch)], dtype=object),
        "in a table": pd.DataFrame({"title": [Call(os.system, touch)]}, dtype=object),
    }


class StateOf:
    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return (pd.RangeIndex, (), self.state)


@pytest.mark.parametrize("kind", hostile(Path("x")))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_runs_and_the_file_and_the_global_are_named(canary: Path, kind: str, protocol: int) -> None:
    raw = pickle.dumps(hostile(canary)[kind], protocol)
    path = canary.with_name("evil.pkl")
    path.write_bytes(raw)
    with pytest.raises(BundleError) as caught:
        read_pickle_file(path)
    assert caught.value.message.startswith(f"{path} refers to ")
    assert not canary.exists()


def test_they_would_have_run(canary: Path) -> None:
    """The control: the standard unpickler does run them."""
    pickle.loads(pickle.dumps(hostile(canary)["os.system"]))  # noqa: S301
    assert canary.exists()


def test_the_message_says_what_to_do() -> None:
    with pytest.raises(BundleError) as caught:
        read_pickle(pickle.dumps(builtins.eval), "x.pkl")
    assert str(caught.value) == (
        "x.pkl refers to builtins.eval, which no bundle of the older layout needs; nothing of it was run\n"
        "  fix: don't use this file; get the bundle again from someone you trust"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"cnumpy\nndarray.__class__\n.",  # a dotted name
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.",
        b"\x80\x02\x82\x01.",  # an extension code
        b"Pan outside object\n.",
        b"(i__builtin__\neval\n.",
        b"cbuiltins\n__dict__\n.",
        b"",
        b"\x80\x04",
        b"garbage",
        b"\x80\x04" + b"(" * 100_000,
        b"\x80\x04Nr\xff\xff\xff\xff.",  # would take 64 GB
        b"\x80\x04B\xff\xff\xff\x7f.",
    ],
)
def test_odd_pickles_are_refused(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"^x\.pkl"):
        read_pickle(raw, "x.pkl")


@pytest.mark.parametrize("state", [b"(Vname\nVevil\nd", b"(N(Vname\nVevil\ndt"])
def test_a_pickle_can_not_change_what_its_names_stand_for(state: bytes) -> None:
    """BUILD on a class would set attributes on it, for this and every later pickle."""
    with pytest.raises(BundleError):
        read_pickle(b"cnumpy\nndarray\n" + state + b"b.", "x.pkl")
    assert read_pickle(b"cnumpy\nndarray\n.", "x.pkl").name == "ndarray"
    with pytest.raises(TypeError, match="can't be changed"):
        Record.name = "evil"


def test_what_is_understood_is_recorded_and_not_called() -> None:
    record = read_pickle(pickle.dumps(np.arange(3)), "x")
    assert isinstance(record, Record)
    assert record.name == "_reconstruct"


def some_arrays() -> list[Any]:
    return [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.array(["a", "Ünï"]),
        np.array([1, "a", None, [2]], dtype=object),
        np.arange(3, dtype=">i4"),
        np.zeros((0, 4), np.float32),
        np.array(7.5),
    ]


@pytest.mark.parametrize("number", range(len(some_arrays())))
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_come_back(number: int, protocol: int) -> None:
    array = some_arrays()[number]
    back = array_of(read_pickle(pickle.dumps(array, protocol), "x"))
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "title": ["Toy Story (1995)", None, "Ünï"],
            "genres": [["Comedy"], [], ["Drama", "War"]],
            "Comedy": [1, 0, 0],
            "Drama": [0, 0, 1],
            "tag": [0.25, 0.5, 0.75],
            "seen": [True, False, True],
        },
        index=pd.Index([1, 5, 7], name="movieId"),
    )


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("strings", ["pyarrow", "python", "object"])
def test_tables_of_this_pandas_come_back(protocol: int, strings: str) -> None:
    frame = table()
    kind: Any = object if strings == "object" else pd.StringDtype(strings, na_value=np.nan)
    frame["title"] = frame["title"].astype(kind)
    index, back = frame_of(read_pickle(pickle.dumps(frame, protocol), "x"))
    assert index.tolist() == [1, 5, 7]
    assert tuple(back) == tuple(frame.columns)
    assert [title for title in back["title"] if isinstance(title, str)] == ["Toy Story (1995)", "Ünï"]
    for name in ("genres", "Comedy", "Drama", "tag", "seen"):
        assert back[name].tolist() == frame[name].tolist()


def test_slices_and_joins_of_tables_come_back() -> None:
    frame = pd.concat([table(), table()]).iloc[2:5].reset_index(drop=True)
    index, back = frame_of(read_pickle(pickle.dumps(frame), "x"))
    assert back["title"].tolist()[0] == "Ünï"
    assert index.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["PANDAS_1_3", "PANDAS_1_5", "PANDAS_2_2"])
def test_tables_of_older_pandas_come_back(name: str) -> None:
    index, back = frame_of(read_pickle(OLD[name], "x"))
    assert index.tolist() == [1, 3, 7, 9]
    assert tuple(back) == ("title", "genres", "Comedy", "Drama", "genome_tag_1")
    assert back["title"][1] == "Matrix, The (1999)"
    assert back["genres"][3] == ["Comedy", "Drama"]
    assert back["genome_tag_1"].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_encoders_of_older_and_this_scikit_learn_come_back() -> None:
    for raw in (OLD["LABEL_ENCODER_1_2"], pickle.dumps(LabelEncoder().fit([9, 7, 3, 1]))):
        record = read_pickle(raw, "x")
        assert array_of(record.state["classes_"]).tolist() == [1, 3, 7, 9]


def test_npz_with_an_object_array(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", Q=np.eye(2), movie_index={1: 0, 3: 1})
    arrays = read_npz(tmp_path / "x.npz")
    assert np.array_equal(arrays["Q"], np.eye(2))
    assert array_of(arrays["movie_index"]).item() == {1: 0, 3: 1}


@pytest.mark.parametrize("name", ["Q", "movie_index"])
def test_npz_with_a_hostile_object_array(tmp_path: Path, canary: Path, name: str) -> None:
    np.savez(tmp_path / "x.npz", **{name: np.array([Call(os.system, f"touch {canary}")], dtype=object)})
    with pytest.raises(BundleError, match=rf"x\.npz \({name}\.npy\) refers to posix\.system"):
        read_npz(tmp_path / "x.npz")
    assert not canary.exists()


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"garbage"])
def test_npz_that_is_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(raw)
    with pytest.raises(BundleError, match=r"x\.npz can't be read as \.npz"):
        read_npz(tmp_path / "x.npz")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_pickle_ends_in_a_value_or_a_bundle_error(data: st.DataObject) -> None:
    raw = bytearray(OLD["PANDAS_1_5"])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BundleError):
        read_pickle(bytes(raw), "x")


def test_files_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is missing"):
        read_pickle_file(tmp_path / "x.pkl")
