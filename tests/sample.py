"""The committed sample: a bundle of invented films that an earlier Marquee wrote. It is never written again."""

from pathlib import Path

from marquee.bundle import Bundle, load

SAMPLE = Path(__file__).parents[1] / "artifacts" / "sample"


def load_sample() -> Bundle:
    return load(SAMPLE)
