"""Too little memory is said before the work, with a fix that is enough."""

import resource
import subprocess
import sys

import pytest

from marquee.errors import ConfigError
from marquee_training import memory
from marquee_training.config import TrainingConfig
from marquee_training.fit import prepare

CONFIG = TrainingConfig()


@pytest.fixture
def left(monkeypatch):
    def set_left(n_bytes):
        monkeypatch.setattr(memory, "available", lambda: (n_bytes, "a test"))

    return set_left


def test_enough_is_enough(world, left):
    left(10**9)
    memory.require_memory(CONFIG, world, 30)


def test_training_refuses_before_the_work(dataset, left):
    left(1000)
    with pytest.raises(ConfigError, match="needs at least") as error:
        prepare(dataset, CONFIG)
    assert "give it more memory" in error.value.fix


def test_the_tower_names_its_dials(world, left):
    left(100_000)
    with pytest.raises(ConfigError, match=r"60 films needs at least .* and 0 MiB are left \(a test\)") as error:
        memory.require_memory(CONFIG, world, 30)
    assert "lower batch_size or embedding_size" in error.value.fix


def test_the_views_name_a_number_of_films_that_fits(world, left, monkeypatch):
    monkeypatch.setattr(memory, "GRAMS", 1000)
    left(22_400_000)
    with pytest.raises(ConfigError) as error:
        memory.require_memory(CONFIG, world, 30)
    assert "lower item_cf_max_movies to 0" in error.value.fix
    memory.require_memory(CONFIG.model_copy(update={"item_cf_max_movies": 10}), world, 30)


def test_a_limit_of_address_space_is_found():
    """In a process of its own, whose limit can't be raised again."""
    size = int(resource.getpagesize()) * 2**20
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({size}, {size}));"
        "from marquee_training.memory import available; left, why = available(); print(left < %d, why)" % size
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "True"


def test_a_container_limit_is_found(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1000000000\n")
    monkeypatch.setattr(memory, "CGROUP", (tmp_path / "memory.max", tmp_path / "absent"))
    left, why = memory.available()
    assert left < 10**9
    assert "memory.max" in why
    (tmp_path / "memory.max").write_text("max\n")
    assert "memory.max" not in memory.available()[1]
