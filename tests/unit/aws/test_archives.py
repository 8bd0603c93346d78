"""Archives: the same input gives the same bytes, and what shouldn't be in them isn't."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from aws.build import function, model
from aws.build.archives import Built, files_below, write_tar_gz, write_zip
from aws.build.parts import bundle_store, core
from aws.build.verify import model_problems, zip_problems
from marquee.bundle import load
from marquee.errors import BundleError, MarqueeError

FILES = {"b/c.txt": b"two", "a.txt": b"one"}


@pytest.mark.parametrize("write", [write_zip, write_tar_gz])
def test_neither_time_nor_order_shows(write, tmp_path):
    first = write(tmp_path / "1", FILES)
    os.utime(tmp_path, (0, 0))
    second = write(tmp_path / "deeper" / "2", dict(reversed(FILES.items())))
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.packed, first.unpacked) == (first.path.stat().st_size, 6)


def test_modes_and_owners(tmp_path):
    write_zip(tmp_path / "z", FILES)
    write_tar_gz(tmp_path / "t", FILES)
    with zipfile.ZipFile(tmp_path / "z") as archive:
        assert [(entry.filename, entry.external_attr >> 16) for entry in archive.infolist()] == [
            ("a.txt", 0o100644),
            ("b/c.txt", 0o100644),
        ]
    with tarfile.open(tmp_path / "t") as archive:
        assert {(entry.mode, entry.uid, entry.gid, entry.mtime) for entry in archive} == {(0o644, 0, 0, 0)}


def test_bytecode_stays_at_home(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"")
    (tmp_path / "a.py").write_bytes(b"1")
    assert files_below(tmp_path, "x/", (".py",)) == {"x/a.py": b"1"}


def test_a_store_of_one_version(store, bundle, tmp_path):
    version, files = bundle_store(store, "marquee/")
    assert version == bundle.version
    for name, raw in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    assert load(tmp_path / "marquee").version == version
    # One version's folder gives the same archive as the store.
    assert bundle_store(store / "versions" / version, "marquee/") == (version, files)


def test_no_bundle_is_an_error_that_names_the_fix(tmp_path):
    with pytest.raises(BundleError, match="no bundle in"):
        bundle_store(tmp_path, "")


def test_the_functions_zip(tmp_path):
    first, second = function.build_code(tmp_path / "1.zip"), function.build_code(tmp_path / "2.zip")
    assert first.sha256 == second.sha256
    with zipfile.ZipFile(first.path) as archive:
        names = archive.namelist()
    assert {"lambda_function.py", "marquee_lambda/app.py", "marquee/pipeline.py"} <= set(names)
    assert not [name for name in names if name.startswith(("marquee/cli", "marquee/client", "marquee/data"))]
    assert {name.rpartition(".")[2] for name in names} == {"py"}


def test_the_core_ships_without_the_command_line():
    assert "code/marquee/retrieval/service.py" in core("code/")
    assert not any("/cli/" in name for name in core("code/"))


def test_the_models_archive_without_code(store, tmp_path):
    made = model.build_model(store, tmp_path / "model.tar.gz", with_code=False)
    assert made.built.sha256 == model.build_model(store, tmp_path / "2.tar.gz", with_code=False).built.sha256
    with tarfile.open(made.built.path) as archive:
        endings = {Path(name).suffix for name in archive.getnames()}
    assert endings <= set(model.HARMLESS)


def test_a_strange_file_in_a_bundle_is_refused(store, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "bundle_store", lambda *_: ("v", {"versions/v/model.pth": b""}))
    with pytest.raises(MarqueeError, match=r"model\.pth is no kind of file"):
        model.build_model(store, tmp_path / "m")


def test_what_is_built_is_sound(store, tmp_path):
    made = model.build_model(store, tmp_path / "model.tar.gz", with_code=False)
    assert list(model_problems(made.built.path)) == []
    assert list(zip_problems(function.build_code(tmp_path / "f.zip").path, "function")) == []
    assert list(zip_problems(function.build_bundle(store, tmp_path / "b.zip")[1].path, "bundle")) == []


INFERENCE = "\n".join(f"def {name}_fn(): 1" for name in ("model", "input", "predict", "output"))
CODE = {"CURRENT.json": b"{}", "code/inference.py": INFERENCE.encode()}


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (CODE, None),
        ({"model/CURRENT.json": b""}, "CURRENT.json is not at the root"),
        ({**CODE, "code/requirements.txt": b"numpy"}, "would be installed at start"),
        ({**CODE, "code/inference.py": b"def model_fn(): 1"}, "code/inference.py has no input_fn"),
        ({"CURRENT.json": b"", "code/other.py": b""}, "code/inference.py has no model_fn"),
        ({**CODE, "model.pth": b""}, "model.pth has no business there"),
        ({**CODE, "code/._inference.py": b""}, "code/._inference.py has no business there"),
        ({**CODE, "../up.json": b""}, "outside of its folder"),
        ({**CODE, "run.sh": b""}, "run.sh is no kind of file"),
    ],
)
def test_a_models_archive_that_would_fail_later(tmp_path, files, complaint):
    problems = list(model_problems(write_tar_gz(tmp_path / "m", files).path))
    assert any(complaint in problem for problem in problems) if complaint else not problems


def test_links_in_a_models_archive(tmp_path):
    with tarfile.open(tmp_path / "m", "w:gz") as archive:
        link = tarfile.TarInfo("CURRENT.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "CURRENT.json is no plain file" in list(model_problems(tmp_path / "m"))


@pytest.mark.parametrize(
    ("kind", "files", "complaint"),
    [
        ("function", {"app.py": b""}, "lambda_function.py is missing"),
        ("bundle", {"marquee/CURRENT.json": b""}, "no version"),
        ("packages", {"python/torch/__init__.py": b""}, "torch is in the layer"),
        ("packages", {"python/numpy/a.pyc": b""}, "a.pyc has no business there"),
    ],
)
def test_a_zip_that_would_fail_later(tmp_path, kind, files, complaint):
    problems = list(zip_problems(write_zip(tmp_path / "z", files).path, kind))
    assert any(complaint in problem for problem in problems)


def test_a_zip_with_dates_is_not_reproducible(tmp_path):
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr(zipfile.ZipInfo("lambda_function.py", (2026, 1, 1, 0, 0, 0)), b"")
    assert "lambda_function.py has a date" in next(zip_problems(tmp_path / "z", "function"))


def built(name, packed, unpacked):
    return Built(Path(name), "0", packed * function.MB, unpacked * function.MB)


@pytest.mark.parametrize(
    ("packed", "unpacked", "complaint"),
    [(51, 60, "packages.zip has 51.0 MB"), (49, 235, "have 241.0 MB unpacked, the limit is 240"), (49, 60, None)],
)
def test_lambdas_limits(packed, unpacked, complaint):
    parts = built("function.zip", 1, 1), built("packages.zip", packed, unpacked), built("bundle.zip", 5, 5)
    made = function.Function(*parts, "v")
    if complaint is None:
        function.check_sizes(made)
        return
    with pytest.raises(MarqueeError, match=complaint):
        function.check_sizes(made)
