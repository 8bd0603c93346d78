"""How the tests run, and fixtures for all of them."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
import pytest

from marquee.bundle.bundle import Bundle
from marquee.bundle.manifest import DataInfo
from marquee.bundle.metrics import Metrics
from marquee.models.catalog import Catalog
from marquee.models.columns import Labels, Numbers
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig
from tests.waiting import free_port

ContentsFactory = Callable[..., Bundle]
BRANDS = ("Acme", "Apex", "Noname", "Zenith")
TAGS = ("new", "red", "sale")

# No limit on an example's time, since machines are busy; the same examples each time, so that no run depends on luck.
hypothesis.settings.register_profile(
    "marquee", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("marquee")
# Tests that share what takes long to make: a real server, the chart's renderings, a sweep, an evaluation's models.
SHARED = re.compile(
    r"tests/contract/test_retrieval_.*\[(?:.*-)?(torchserve|kserve)\b|(tests/(?:chart|unit/training/(?:sweep|evaluation)))/"
)


def scope_of(nodeid: str) -> str:
    """The tests that pytest-xdist runs in one worker: those that share something, else those of a file."""
    shared = SHARED.search(nodeid)
    return shared[1] or shared[2] if shared else nodeid.split("::", maxsplit=1)[0]


def pytest_configure() -> None:
    """Forget the settings of the person who runs the tests; tests/cluster trains on MARQUEE_DATA_DIR."""
    for name in [name for name in os.environ if name.startswith("MARQUEE_") and name != "MARQUEE_DATA_DIR"]:
        del os.environ[name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than processors, since tests wait for servers and browsers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Divide the processors among the workers: more threads than processors make linear algebra slower."""
    threads = max(1, (os.cpu_count() or 1) // len(specs))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run scopes in the order of collection where `-n` is given and no other way of distribution."""
    if config.option.dist not in {"load", "loadscope"}:
        return None
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return ByScope(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest scopes first, so that at the end no worker waits for another; else the order stays."""
    first = ["torchserve", "kserve", "tests/browser", "tests/chart"]
    slow = {scope_of(item.nodeid) for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> int:
        scope = scope_of(item.nodeid)
        found = next((index for index, name in enumerate(first) if scope.startswith(name)), len(first))
        return found if found < len(first) else found + (scope not in slow)

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was skipped, in one line: the reasons, which name the command that helps."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
        counts = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"{len(skipped)} tests skipped: {counts}", yellow=True)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def make_contents() -> ContentsFactory:
    """`make_contents(n_movies=50, seed=0, dimensions=8, ...)`, with the arguments of `_make_contents`."""
    return _make_contents


def _make_contents(
    n_movies: int = 50,
    seed: int = 0,
    *,
    dimensions: int = 8,
    ndcg: float | None = 0.5,
    factors: bool = False,
    hidden: bool = True,
    history: bool = False,
    columns: bool = False,
) -> Bundle:
    """Small random contents; the same arguments give the same contents.

    Args:
        n_movies: Films; MovieLens ids are 1, 4, 7, ... and TMDB ids 1001, 1004, ...
        seed: Seed of every random number.
        dimensions: Of the Two-Tower.
        ndcg: The pipeline's NDCG@10 at 5 seeds, above popularity's 0.2; None leaves the metrics out.
        factors: Whether the item-item view has factors instead of neighbours.
        hidden: Whether the user tower has its hidden layer.
        history: Whether the bundle has all that training makes now: a prior, a view for long histories, and
            candidates by the item-item views.
        columns: Whether items have ids of their own, a brand (a fifth of them none), any number of tags, and a price
            (a fifth of them none).
    """
    rng = np.random.default_rng(seed)
    n, d = n_movies, dimensions

    def normal(*shape: int) -> Any:
        return rng.normal(scale=d**-0.5, size=shape).astype(np.float32)

    movie_ids = np.arange(1, 3 * n + 1, 3, dtype=np.int64)
    genre_names = ("Action", "Comedy", "Drama", "Horror")
    own: dict[str, Any] = {}
    if columns:
        own = {
            "brand": Labels.of([BRANDS[at : at + 1] for at in rng.integers(0, 5, n)]),
            "tag": Labels.of([[tag for tag in TAGS if rng.random() < 0.4] for _ in range(n)]),
            "price": Numbers(np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 20, n) / 2)),
        }
    catalog = Catalog(
        columns=own,
        item_ids=tuple(f"sku-{movie}" for movie in movie_ids) if columns else None,
        movie_ids=movie_ids,
        tmdb_ids=movie_ids + 1000,
        titles=tuple(f"Film {movie}" for movie in movie_ids),
        years=rng.integers(1950, 2020, n).astype(np.int16),
        genre_names=genre_names,
        genres=rng.random((n, len(genre_names))) < 0.4,
        popularity=rng.integers(0, 500, n).astype(np.int32),
    )
    tower = TwoTower(
        seed_vectors=normal(n, d),
        item_vectors=normal(n, d),
        item_bias=normal(n),
        hidden_weight=normal(d, d) if hidden else None,
        hidden_bias=normal(d) if hidden else None,
    )
    scores = {"pipeline": ndcg, "two_tower": ndcg, "popularity": 0.2, "svd_centered": 0.25, "edlae": 0.3}
    beyond = {
        "pipeline": {"coverage@10": 0.3, "stratified_recall@20": 0.2},
        "popularity": {"coverage@10": 0.1, "stratified_recall@20": 0.1},
    }
    metrics = {"protocol": "test-v1", "ndcg@10": {"5": scores}, "beyond": {"5": beyond}}
    view = _factors(rng, n, d) if factors else _neighbors(rng, n)
    if history:
        view = replace(view, prior=rng.random(n).astype(np.float32), history=_neighbors(rng, n))
    return Bundle(
        catalog=catalog,
        two_tower=tower,
        item_cf=view,
        rerank=RerankConfig(n_candidates=20, n_item_cf_candidates=10 if history else 0),
        data=DataInfo(name="random", source=f"seed={seed}", sha256="d" * 64, counts={"ratings": 10 * n}),
        metrics=Metrics.model_validate(metrics if ndcg is not None else {}),
        config={"seed": seed, "dimensions": d},
        eval_files={"report.json": b'{"seed": %d}\n' % seed},
    )


def _factors(rng: np.random.Generator, n: int, d: int) -> ItemCF:
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    return ItemCF(factors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _neighbors(rng: np.random.Generator, n: int) -> ItemCF:
    per_film = min(5, n)
    indices = np.stack([np.sort(rng.choice(n, per_film, replace=False)) for _ in range(n)])
    return ItemCF(
        indptr=np.arange(0, n * per_film + 1, per_film, dtype=np.int64),
        indices=indices.ravel().astype(np.int32),
        values=rng.random(n * per_film).astype(np.float16),
    )
