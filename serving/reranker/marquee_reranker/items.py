"""Follows the store's list of items that came, changed or went between trainings."""

import logging
from dataclasses import dataclass

from marquee.added import NAME, parse_added
from marquee.api.contracts import RecommendationRequest
from marquee.api.items import AddedItems
from marquee.bundle.store import Store
from marquee.errors import BundleError
from marquee.pipeline import Pipeline

logger = logging.getLogger("marquee.items")

NOTHING = AddedItems()


@dataclass
class ItemsFollower:
    """Pipelines with the items of a store's list. `amend` is for one thread at a time."""

    store: Store
    _raw: bytes | None = None
    _added: AddedItems = NOTHING
    _trouble: str = ""
    _of: tuple[Pipeline, AddedItems] | None = None
    _made: Pipeline | None = None

    def amend(self, base: Pipeline) -> Pipeline:
        """The pipeline with the items of now, the same one while nothing changes; in trouble those of before."""
        self._read()
        if self._made is not None and self._of == (base, self._added):
            base.extension  # noqa: B018 - computed at the second look, so that no server waits for it to get ready
            return self._made
        made = base
        if self._added != NOTHING:
            made = base.with_items(self._added)
            seeds = [int(movie) for movie in base.catalog.movie_ids[:3]]
            made.recommend(RecommendationRequest(movie_ids=seeds, top_n=1))  # so that no request waits for it
            logger.info("%d items added or changed, %d removed", len(self._added.items), len(self._added.removed))
        self._of, self._made = (base, self._added), made
        return made

    def _read(self) -> None:
        trouble = ""
        try:
            raw, _ = self.store.document(NAME)
            if raw != self._raw:
                self._added, self._raw = parse_added(self.store, raw), raw
        except BundleError as error:
            trouble = str(error)
            if trouble != self._trouble:
                logger.error("items are served as they were: %s", error)
        self._trouble = trouble
