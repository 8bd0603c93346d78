"""Archives: the same input gives the same bytes, and what shouldn't be in them isn't."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from aws import build
from aws.archives import Built, problems, write_tar_gz, write_zip
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
    assert build.files_below(tmp_path, (".py",)) == {"a.py": b"1"}


def test_a_store_of_one_version(store, bundle, tmp_path):
    found, files = build.bundle_store(store)
    assert found.version == bundle.version
    for name, raw in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    assert load(tmp_path).version == bundle.version
    # One version's folder gives the same archive as the store.
    assert build.bundle_store(store / "versions" / bundle.version)[1] == files


def test_no_bundle_is_an_error_that_names_the_fix(tmp_path):
    with pytest.raises(BundleError, match="no bundle in"):
        build.bundle_store(tmp_path)


WHEELS = {"numpy/__init__.py": b"", "aws_lambda_powertools/__init__.py": b""}


@pytest.fixture
def no_downloads(monkeypatch):
    monkeypatch.setattr(build, "packages", lambda *_: dict(WHEELS))


def test_everything_that_is_built(store, bundle, tmp_path, no_downloads):
    manifest = build.build(store, tmp_path / "1", "arm64")
    assert build.build(store, tmp_path / "2", "arm64") == manifest  # hashes included
    assert build.read_manifest(tmp_path / "1") == manifest
    assert (manifest["version"], manifest["arch"]) == (bundle.version, "arm64")
    assert manifest["movie_ids"] == bundle.catalog.movie_ids[:3].tolist()
    names = {what: tmp_path / "1" / one["path"] for what, one in manifest["files"].items()}
    assert [problem for path in names.values() for problem in problems(path)] == []
    with tarfile.open(names["model"]) as archive:
        inside = set(archive.getnames())
    assert {
        "CURRENT.json",
        "code/inference.py",
        "code/numpy/__init__.py",
        "code/marquee/retrieval/service.py",
    } <= inside
    found = {what: set(zipfile.ZipFile(names[what]).namelist()) for what in ("function", "packages", "bundle")}
    assert {"lambda_function.py", "marquee_lambda/app.py", "marquee/pipeline.py"} <= found["function"]
    assert {Path(name).suffix for name in found["function"]} == {".py", ".md", ".toml"}
    assert found["packages"] == {f"python/{name}" for name in WHEELS}
    assert {f"marquee/{name}" for name in build.bundle_store(store)[1]} == found["bundle"]
    (tmp_path / "1/function.zip").write_bytes(b"another")
    with pytest.raises(MarqueeError, match=r"function\.zip is not what was built"):
        build.read_manifest(tmp_path / "1")


def test_the_core_ships_without_training_and_clients():
    assert not [name for name in build.core() if name in {"marquee/client.py", "marquee/retrieval/http.py"}]


def test_the_models_archive_without_code(store, tmp_path):
    made = build.build_model(build.bundle_store(store)[1], tmp_path / "model.tar.gz")
    with tarfile.open(made.path) as archive:
        assert {Path(name).suffix for name in archive.getnames()} <= set(build.BUNDLE_FILES)


def test_a_strange_file_in_a_bundle_is_refused(tmp_path):
    with pytest.raises(MarqueeError, match=r"model\.pth is no kind of file"):
        build.build_model({"versions/v/model.pth": b""}, tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("model.pth", "must not be in an archive"),
        ("python/numpy/a.pyc", "must not be in an archive"),
        ("code/._inference.py", "must not be in an archive"),
        ("../up.json", "outside of its folder"),
        ("/up.json", "outside of its folder"),
        ("python/torch/__init__.py", "too heavy"),
        ("a.json", None),
    ],
)
def test_what_must_not_be_in_an_archive(tmp_path, name, complaint):
    for path in (
        write_tar_gz(tmp_path / "a.tar.gz", {name: b""}).path,
        write_zip(tmp_path / "a.zip", {name: b""}).path,
    ):
        found = list(problems(path))
        assert complaint in found[0] if complaint else not found


def test_links_in_an_archive(tmp_path):
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("CURRENT.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "CURRENT.json is no plain file" in list(problems(tmp_path / "m.tar.gz"))


def built(name, packed, unpacked):
    return Built(Path(name), "0", packed * build.MB, unpacked * build.MB)


@pytest.mark.parametrize(
    ("packed", "unpacked", "complaint"),
    [(51, 60, "packages.zip has 51.0 MB"), (49, 235, "have 241.0 MB unpacked, the limit is 240"), (49, 60, None)],
)
def test_lambdas_limits(packed, unpacked, complaint):
    parts = built("function.zip", 1, 1), built("packages.zip", packed, unpacked), built("bundle.zip", 5, 5)
    made = {one.path.stem: one for one in parts}
    if complaint is None:
        build.check_sizes(made)
        return
    with pytest.raises(MarqueeError, match=complaint):
        build.check_sizes(made)
