"""Settings from the environment."""

import pytest

from marquee.errors import ConfigError
from marquee.settings import load_settings


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
