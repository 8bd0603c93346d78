"""Settings from the environment."""

import pytest

from marquee.errors import ConfigError
from marquee.settings import load_settings, served_here


def test_environment_and_flags(monkeypatch):
    monkeypatch.setenv("MARQUEE_PORT", "9000")
    monkeypatch.setenv("MARQUEE_DATA_DIR", "somewhere")  # training's, and no mistake
    assert load_settings().port == 9000
    assert load_settings(port=7000, host=None).port == 7000


def test_a_misspelt_name_is_refused(monkeypatch):
    monkeypatch.setenv("MARQUEE_PROT", "9000")
    with pytest.raises(ConfigError, match=r"MARQUEE_PROT is not a setting[^$]*MARQUEE_PORT"):
        load_settings()


@pytest.mark.parametrize(("name", "value"), [("PORT", "eighty"), ("MAX_INFLIGHT", "0"), ("PROFILE", "gcp")])
def test_a_bad_value_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"MARQUEE_{name}", value)
    with pytest.raises(ConfigError, match=f"MARQUEE_{name}='{value}'"):
        load_settings()


def test_the_profile_aws_needs_an_endpoint(monkeypatch):
    monkeypatch.setenv("MARQUEE_PROFILE", "aws")
    with pytest.raises(ConfigError, match="needs MARQUEE_SAGEMAKER_ENDPOINT"):
        load_settings()
    monkeypatch.setenv("MARQUEE_SAGEMAKER_ENDPOINT", "marquee-prod")
    monkeypatch.setenv("MARQUEE_AWS_REGION", "us-gov-west-1")
    assert load_settings().sagemaker_endpoint == "marquee-prod"
    monkeypatch.setenv("MARQUEE_AWS_REGION", "Frankfurt")
    with pytest.raises(ConfigError, match="MARQUEE_AWS_REGION='Frankfurt'"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        *[("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True)],
        *[("0.0.0.0", False), ("::", False), ("10.0.0.7", False), ("films.example", False), ("", False)],  # noqa: S104 - nothing is bound
    ],
)
def test_the_operators_view_is_on_where_only_this_machine_can_ask(host, shown):
    assert load_settings(host=host).operator is False
    assert served_here(load_settings(host=host)).operator is shown


@pytest.mark.parametrize("told", ["true", "false"])
def test_unless_told_otherwise(monkeypatch, told):
    monkeypatch.setenv("MARQUEE_OPERATOR", told)
    for host in ("127.0.0.1", "10.0.0.7"):
        assert served_here(load_settings(host=host)).operator is (told == "true")
    assert served_here(load_settings(operator=False)).operator is False


def test_the_key_of_tmdb_is_never_shown(monkeypatch):
    monkeypatch.setenv("MARQUEE_TMDB_KEY", "sesame")
    settings = load_settings()
    assert settings.tmdb_key.get_secret_value() == "sesame"
    assert "sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("url", ["ftp://films.example", "https://films.example/path", "https://me:it@films.example"])
def test_addresses_of_tmdb_are_hosts(monkeypatch, url):
    monkeypatch.setenv("MARQUEE_TMDB_URL", url)
    with pytest.raises(ConfigError, match="MARQUEE_TMDB_URL="):
        load_settings()


def test_the_store_by_its_name_of_today_and_of_before(monkeypatch):
    monkeypatch.setenv("MARQUEE_ARTIFACTS_DIR", "/artifacts")
    assert load_settings().artifacts == "/artifacts"
    monkeypatch.setenv("MARQUEE_ARTIFACTS", "s3://films/models")
    assert load_settings().artifacts == "s3://films/models"
    assert load_settings(artifacts="elsewhere").artifacts == "elsewhere"


@pytest.mark.parametrize("model", ["Staging", "2026-01-31T12-00-00Z", "a b"])
def test_what_is_no_channel_and_no_version_is_refused(monkeypatch, model):
    monkeypatch.setenv("MARQUEE_MODEL", model)
    with pytest.raises(ConfigError, match="MARQUEE_MODEL"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *[("root_path", "/films/", "/films"), ("root_path", "/a/b", "/a/b"), ("root_path", "/", "")],
        *[("host", "[::]", "::"), ("host", " ::1 ", "::1"), ("retrieval_url", "http://[::1]:80/", "http://[::1]:80")],
    ],
)
def test_addresses_are_read_as_they_are_meant(name, text, value):
    assert getattr(load_settings(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("root_path", text) for text in ("films", "//films", "/a/../b", "/films?x", "https://films.example")],
        *[("retrieval_url", text) for text in ("http://::1:80", "http://retrieval/v2", "retrieval:80")],
    ],
)
def test_what_is_no_address_is_refused(name, text):
    with pytest.raises(ConfigError, match=f"MARQUEE_{name.upper()}=") as caught:
        load_settings(**{name: text})
    assert "such as" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ('["https://Films.Example/"]', ["https://films.example"]),
        ("https://a.example:443, http://b:80/ http://b", ["https://a.example", "http://b"]),
        ("http://[::1]:3000", ["http://[::1]:3000"]),
        ("https://münchen.example:8443", ["https://xn--mnchen-3ya.example:8443"]),
        ("capacitor://localhost", ["capacitor://localhost"]),
        *[("*", ["*"]), ("", []), ("[]", [])],
    ],
)
def test_origins_are_kept_as_browsers_send_them(monkeypatch, text, origins):
    monkeypatch.setenv("MARQUEE_CORS_ORIGINS", text)
    assert load_settings().cors_origins == origins


@pytest.mark.parametrize(
    "text",
    [
        *["null", "films.example", "localhost:3000", "https://*.example", "https://", "https://a:x", "https://[::1"],
        *["https://a/films", "https://a?x", "https://me@a", "[1]", '["https://a"', "file:///page.html"],
    ],
)
def test_what_no_browser_sends_is_refused(monkeypatch, text):
    monkeypatch.setenv("MARQUEE_CORS_ORIGINS", text)
    with pytest.raises(ConfigError, match="MARQUEE_CORS_ORIGINS") as caught:
        load_settings()
    assert "https://" in caught.value.fix
