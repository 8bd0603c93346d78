"""The pipeline in use: made anew for each bundle, and tried out before it answers anybody."""

from collections.abc import Callable
from pathlib import Path

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.bundle.watch import Live, Outcome
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Retriever

# A retriever for a bundle; None searches the bundle's own vectors in process.
MakeRetriever = Callable[[Bundle], Retriever | None]


def live_pipeline(
    path: Path,
    *,
    make_retriever: MakeRetriever,
    interval: float,
    on_change: Callable[[Outcome, str | None], object],
) -> Live[Pipeline]:
    """A pipeline that follows the store at `path`; see `marquee.bundle.watch.Live`.

    Args:
        path: The bundle store.
        make_retriever: Called for each new bundle.
        interval: Seconds between two looks at the store.
        on_change: Told of each bundle that was brought into use or refused, and of the version that serves then.
    """

    def build(bundle: Bundle) -> Pipeline:
        """Answer once beside the old pipeline: what would fail later fails here."""
        pipeline = Pipeline(bundle, make_retriever(bundle))
        seeds = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
        pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=1, explain=True))
        pipeline.films.reader.read("like misspelt")  # makes all that a search and a sentence look up
        return pipeline

    return Live(path, build=build, interval=interval, on_change=on_change)
