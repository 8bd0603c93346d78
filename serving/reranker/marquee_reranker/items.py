"""Follows the store's list of items that came, changed or went between trainings."""

import logging
from dataclasses import dataclass, field

from marquee.added import NAME, parse_added
from marquee.api.contracts import RecommendationRequest
from marquee.bundle.store import Store
from marquee.errors import BundleError
from marquee.pipeline import Pipeline

logger = logging.getLogger("marquee.items")


@dataclass
class ItemsFollower:
    """Pipelines with the items of a store's list. `amend` is for one thread at a time."""

    store: Store
    _raw: bytes | None = None
    _base: Pipeline | None = None
    _made: Pipeline | None = field(default=None, repr=False)

    def amend(self, base: Pipeline) -> Pipeline:
        """The pipeline with the items of now, the last one again if nothing changed or the list can't be read."""
        try:
            raw, _ = self.store.document(NAME)
            if self._made is not None and self._base is base and self._raw == raw:
                base.extension  # noqa: B018 - computed at the second look, so that no server waits for it to get ready
                return self._made
            made = base
            if raw is not None:
                added = parse_added(self.store, raw)
                made = base.with_items(added)
                seeds = [int(movie) for movie in base.catalog.movie_ids[:3]]
                made.recommend(RecommendationRequest(movie_ids=seeds, top_n=1))  # so that no request waits for it
                logger.info("%d items added or changed, %d removed", len(added.items), len(added.removed))
        except BundleError as error:
            logger.error("items are served as they were: %s", error)
            if self._made is not None and self._base is base:
                return self._made
            return base
        self._raw, self._base, self._made = raw, base, made
        return made
