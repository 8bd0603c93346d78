"""The pipeline in use: follows the bundle store and swaps one reference."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from marquee.bundle.bundle import Bundle
from marquee.bundle.watch import Check, LiveBundle
from marquee.contracts import RecommendationRequest
from marquee.errors import BundleError
from marquee.pipeline import Pipeline
from marquee.retrieval import Retriever

logger = logging.getLogger("marquee.reloader")

# A retriever for a bundle; None searches the bundle's own vectors in process.
MakeRetriever = Callable[[Bundle], Retriever | None]


class LivePipeline:
    """A request calls `get` once, at its start, and so never mixes versions.

    Args:
        path: The bundle store.
        make_retriever: Called for each new bundle.
        interval: Seconds between two looks at the store.
        on_result: Told of each bundle that was brought into use or refused, and of the version that serves then.
    """

    def __init__(
        self,
        path: Path,
        *,
        make_retriever: MakeRetriever,
        interval: float,
        on_result: Callable[[str, str | None], None],
    ) -> None:
        self._make_retriever = make_retriever
        self._interval = interval
        self._on_result = on_result
        self._bundle = LiveBundle(path, warm_up=self._warm_up)
        self._warm: Pipeline | None = None
        self._pipeline: Pipeline | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def get(self) -> Pipeline:
        """The pipeline in use.

        Raises:
            BundleError: There is none yet; the message says what is missing.
        """
        pipeline = self._pipeline  # one read of one reference: atomic
        if pipeline is None:
            self._bundle.get()
            raise BundleError("the first bundle is being loaded")
        return pipeline

    def check(self) -> Check:
        """Look at the store once, and go with it."""
        refusals = self._bundle.refusals
        check = self._bundle.check()
        if check.outcome in {"swapped", "fell_back"}:
            self._pipeline, self._warm = self._warm, None
            self._on_result(check.outcome, check.version)
        elif self._bundle.refusals > refusals:  # a bundle that stays bad is told of once
            self._on_result("refused", check.version)
        return check

    def start(self) -> None:
        """Check now, then go on checking in a background thread."""
        self.check()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="reloader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the background thread; the pipeline stays in use."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.check()
            except Exception:  # a dead reloader would leave the server on an old model for ever
                logger.exception("the check for a new bundle failed")

    def _warm_up(self, bundle: Bundle) -> None:
        """Build the pipeline beside the old one and answer once: what would fail later fails here."""
        pipeline = Pipeline(bundle, self._make_retriever(bundle))
        seeds = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
        pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=1, explain=True))
        pipeline.search("the", 1)
        self._warm = pipeline
