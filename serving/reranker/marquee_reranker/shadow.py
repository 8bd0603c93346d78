"""Shadow traffic: a second model is asked for a share of the recommendations, compared and counted, never shown."""

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from marquee.api.contracts import RecommendationRequest, RecommendationResponse
from marquee.bundle.watch import Live
from marquee.errors import BundleError
from marquee.pipeline import Pipeline
from marquee_reranker.telemetry import Telemetry

logger = logging.getLogger("marquee.shadow")

QUEUE = 32  # requests that wait or are asked; further ones are dropped


class Shadow:
    """Asks the shadow model on a thread of its own, so that no answer waits for it. Thread-safe.

    Args:
        live: The shadow model, which `start` starts.
        share: Share of the recommendations that it is asked for, from 0 to 1.
        telemetry: Where results are counted.
    """

    def __init__(self, live: Live[Pipeline], share: float, telemetry: Telemetry) -> None:
        self._live = live
        self._share = share
        self._telemetry = telemetry
        self._room = threading.BoundedSemaphore(QUEUE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")

    def start(self) -> None:
        """Load the model, and follow its channel, in the background."""
        self._thread.submit(self._live.start)

    def stop(self) -> None:
        """End the work in progress and drop what waits."""
        self._thread.shutdown(cancel_futures=True)
        self._live.stop()

    def offer(self, request: RecommendationRequest, shown: RecommendationResponse) -> None:
        """Put an answered request, if it is drawn, in the queue. Never waits or raises."""
        if random.random() >= self._share:  # noqa: S311 - no secret
            return
        if not self._room.acquire(blocking=False):
            self._count("dropped")
            return
        try:
            work = self._thread.submit(self._compare, request, shown)
        except RuntimeError:  # stopped, or the machine has no thread left
            self._room.release()
            self._count("dropped")
        else:
            work.add_done_callback(lambda _: self._room.release())

    def _compare(self, request: RecommendationRequest, shown: RecommendationResponse) -> None:
        version = ""
        try:
            pipeline = self._live.get()
            version = pipeline.version
            if version == shown.model_version:  # after the shadow's promotion there is nothing to compare
                self._count("same_version", version)
                return
            started = time.perf_counter()
            answer = pipeline.recommend(request)
            self._telemetry.shadow_duration.labels(version).observe(time.perf_counter() - started)
            if films := {film.movie_id for film in shown.recommendations}:
                both = films & {film.movie_id for film in answer.recommendations}
                self._telemetry.shadow_overlap.labels(version).observe(len(both) / len(films))
            self._count("ok", version, answer.served_by)
        except BundleError:
            self._count("not_ready")
        except Exception:
            self._count("error", version)
            logger.exception("shadow %s failed at request %s", version, shown.request_id)

    def _count(self, result: str, version: str = "", served_by: str = "") -> None:
        self._telemetry.shadow.labels(result, served_by, version).inc()
