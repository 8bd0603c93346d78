"""Read old pickles without running them.

A pickle is a program: it names functions, and reading it calls them. Here no name is ever looked up. A short list of
exact names is understood, and each stands for a `Record` that only remembers the arguments of the call; every other
name is refused. So no function of numpy, pandas or anyone else runs while a pickle is read, and `convert.py` takes
what is needed out of the records. Not even "harmless" library functions are allowed: some call what they are given.
"""

import io
import pickle  # noqa: TID251 - the allow-list below
import pickletools
import zipfile
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from marquee.errors import BundleError

_SIZE_LIMIT = 2**32  # bytes

# By module. numpy.core is numpy._core since numpy 2.
_UNDERSTOOD = {
    "numpy": ("ndarray", "dtype"),
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
    "builtins": ("slice", "bytearray"),
    "collections": ("OrderedDict",),
    "functools": ("partial",),
    "pandas": ("DataFrame", "Index", "RangeIndex", "StringDtype"),
    "pandas.arrays": ("ArrowStringArray", "StringArray"),
    "pandas.core.arrays.string_": ("StringArray", "StringDtype"),
    "pandas.core.arrays.string_arrow": ("ArrowStringArray",),
    "pandas.core.frame": ("DataFrame",),
    "pandas.core.indexes.base": ("Index", "_new_Index"),
    "pandas.core.indexes.numeric": ("Int64Index",),
    "pandas.core.indexes.range": ("RangeIndex",),
    "pandas.core.internals.blocks": ("new_block",),  # by way of partial, in pandas 1.3
    "pandas.core.internals.managers": ("BlockManager",),
    "pandas._libs.internals": ("_unpickle_block",),
    "pandas._libs.missing": ("NA",),
    "pandas._libs.arrays": ("__pyx_unpickle_NDArrayBacked",),
    "pyarrow.lib": ("_restore_array", "chunked_array", "py_buffer", "type_for_alias"),
    **dict.fromkeys(("sklearn.preprocessing._label", "sklearn.preprocessing.label"), ("LabelEncoder",)),
}


class _Sealed(type):
    """Makes the classes that a pickle can name unchangeable: its BUILD opcode may set attributes on them."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise TypeError(f"{cls.__name__} can't be changed")


class Record(metaclass=_Sealed):
    """A call that a pickle asked for and that was not made: the global's name, its arguments, its state."""

    name: ClassVar[str] = ""
    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> "Record":  # noqa: ARG004 - pickle may pass any
        """Record the arguments."""
        record = object.__new__(cls)
        record.args = args
        record.state = None
        return record

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Partial(Record):
    """A partial function: a call of it is recorded as a call of the function, without the arguments bound before."""

    name: ClassVar[str] = "partial"
    __slots__ = ()

    def __call__(self, *args: Any) -> Record:
        (function,) = self.args
        if not (isinstance(function, type) and issubclass(function, Record)):
            raise TypeError("a partial function of something else than a recorded one")
        return function(*args)


_STAND_INS = {
    (module, name): _Partial if name == "partial" else _Sealed(name, (Record,), {"name": name, "__slots__": ()})
    for module, names in _UNDERSTOOD.items()
    for name in names
}
# Libraries whose other names are more often an odd file than a hostile one. Nothing of them is run either.
_OF_DATA = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "datetime", "_codecs")


class _Reader(pickle.Unpickler):
    def __init__(self, raw: bytes, where: str) -> None:
        super().__init__(io.BytesIO(raw))
        self._where = where

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            fix = "don't use this file; get the bundle again from someone you trust"
            if module.split(".", maxsplit=1)[0] in _OF_DATA:
                fix = (
                    "if you trust its author, write it anew with plain columns (numbers, texts, lists) and pickle "
                    "protocol 3 or later: frame.astype(object).to_pickle(...)"
                )
            raise BundleError(
                f"{self._where} refers to {module}.{name}, which no bundle of the older layout needs; "
                "nothing of it was run",
                fix=fix,
            ) from None

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002 - the signature is pickle's
        raise BundleError(f"{self._where} refers to an object outside of itself")


def read_pickle(raw: bytes, where: str) -> Any:
    """The value of a pickle: plain Python values, and `Record`s for everything else; `where` is for messages.

    Raises:
        BundleError: It names something that isn't on the list, or isn't a pickle at all.
    """
    try:
        # One opcode of five bytes can make CPython allocate 64 GB for its table of remembered objects. (Lengths beyond
        # the end of the file are refused by genops itself.)
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name.endswith("PUT") and isinstance(argument, int) and argument > len(raw):
                raise ValueError(f"it remembers an object under the number {argument}")
        return _Reader(raw, where).load()
    except BundleError:
        raise
    except Exception as error:  # a broken pickle can end in almost any exception
        raise BundleError(f"{where} can't be read as a pickle: {type(error).__name__}: {error}") from None


def read_pickle_file(path: Path) -> Any:
    """`read_pickle` of a file."""
    if not path.is_file():
        raise BundleError(f"{path} is missing")
    if path.stat().st_size > _SIZE_LIMIT:
        raise BundleError(f"{path} is larger than {_SIZE_LIMIT} bytes")
    return read_pickle(path.read_bytes(), str(path))


def read_npz(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file; object arrays go through `read_pickle`, never through numpy's own unpickling."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                raw = archive.read(member)
                file, formats = io.BytesIO(raw), np.lib.format
                version = formats.read_magic(file)
                header = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
                is_pickle = header(file)[2].hasobject
                array = (
                    read_pickle(raw[file.tell() :], f"{path} ({member})")
                    if is_pickle
                    else np.load(io.BytesIO(raw), allow_pickle=False)
                )
                arrays[member.removesuffix(".npy")] = array
    except (OSError, zipfile.BadZipFile, ValueError, EOFError) as error:
        raise BundleError(f"{path} can't be read as .npz: {error}") from None
    return arrays
