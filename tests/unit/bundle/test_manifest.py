import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from marquee.bundle import manifest as module
from marquee.bundle.manifest import FileEntry, Manifest, parse_manifest, stamped, time_of
from marquee.bundle.publish import pack
from marquee.errors import BundleError

NOW = datetime(2026, 11, 24, 2, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def manifest(make_contents: Any) -> Manifest:
    return stamped(pack(make_contents())[0], NOW)


def test_the_version_is_the_time_and_the_content_hash(manifest: Manifest) -> None:
    assert manifest.version == f"2026-11-24T02-00-00Z-{manifest.content_hash()[:8]}"
    assert time_of(manifest.version) == manifest.created == NOW.replace(microsecond=0)


def test_equal_contents_have_equal_hashes_whenever_they_are_written(make_contents: Any) -> None:
    one, other = pack(make_contents(seed=3))[0], pack(make_contents(seed=3))[0]
    assert one.content_hash() == stamped(other, NOW).content_hash()
    assert one.content_hash() != pack(make_contents(seed=4))[0].content_hash()


def test_it_reads_back(manifest: Manifest) -> None:
    assert parse_manifest(manifest.to_bytes(), "manifest.json") == manifest


def test_every_single_altered_byte_is_noticed(manifest: Manifest) -> None:
    raw = manifest.to_bytes()
    for place in range(0, len(raw), 7):
        altered = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(BundleError, match=r"manifest\.json"):
            parse_manifest(altered, "manifest.json")


def test_a_newer_schema_is_refused_with_both_versions_and_the_fix(manifest: Manifest) -> None:
    document = json.loads(manifest.to_bytes()) | {"schema_version": 2, "something_new": []}
    with pytest.raises(BundleError) as caught:
        parse_manifest(json.dumps(document).encode(), "x/manifest.json")
    assert str(caught.value) == (
        "x/manifest.json has schema_version 2; marquee 0.1.0 reads up to 1\n"
        "  fix: upgrade marquee, or go back to an older bundle with `marquee rollback`"
    )


def test_a_bundle_that_requires_a_newer_marquee_is_refused(manifest: Manifest) -> None:
    newer = stamped(manifest.model_copy(update={"requires": "marquee>=99.1"}), NOW)
    with pytest.raises(BundleError, match=r"requires marquee>=99\.1; this is marquee"):
        parse_manifest(newer.to_bytes(), "manifest.json")


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"schema_version": NaN}'])
def test_garbage_is_refused(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"^x/manifest\.json is not"):
        parse_manifest(raw, "x/manifest.json")


@pytest.mark.parametrize(
    "path",
    [
        "../evil.json",
        "/etc/x.json",
        "a/../b.json",
        "a//b.json",
        "model.pkl",
        "run.py",
        "a\\b.json",
        "",
        "manifest.json",
    ],
)
def test_only_plain_data_files_inside_the_bundle_can_be_listed(path: str) -> None:
    with pytest.raises(ValidationError):
        FileEntry(path=path, bytes=1, sha256="0" * 64)


def test_this_marquee_reads_what_it_writes() -> None:
    assert module._numbers(module.REQUIRES) <= module._numbers(module.__version__)
