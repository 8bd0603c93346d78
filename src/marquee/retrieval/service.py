"""Retrieval service of every server: parse bodies, search in one batch, answer. Servers only add transport."""

from collections.abc import Callable, Sequence
from typing import Any

from marquee.bundle.address import Place
from marquee.bundle.bundle import Bundle
from marquee.bundle.store import CURRENT
from marquee.bundle.watch import Live
from marquee.errors import BundleError, MarqueeError, RequestError
from marquee.models.two_tower import TwoTower
from marquee.retrieval.exact import ExactSearch, Shortlist
from marquee.retrieval.port import Candidates, Query
from marquee.retrieval.wire import Render, Reply, parse_request, render_v1


class RetrievalService:
    """Answers from a store's current bundle, or the one before for clients that still use it. Thread-safe.

    `make_shortlist` makes the product over a catalogue, by default in numpy. `as_bytes`: whether answers may have
    headers, and so tensors as bytes. The rest is as for `Live`.
    """

    def __init__(
        self,
        place: Place,
        *,
        model: str = CURRENT,
        make_shortlist: Callable[[TwoTower], Shortlist | None] = lambda _: None,
        interval: float = 5.0,
        as_bytes: bool = True,
    ) -> None:
        def build(bundle: Bundle) -> ExactSearch:
            search = ExactSearch(bundle, make_shortlist(bundle.two_tower))
            search.batch([search.sample()] * 2)  # what would fail later fails here
            return search

        self._as_bytes = as_bytes
        self.live = Live(place, model=model, build=build, interval=interval)

    def answer(self, bodies: Sequence[bytes | dict[str, Any]]) -> list[Reply]:
        """One reply per body: 200, 400 for a bad request, or 503 without a bundle. An empty body is a probe."""
        entries = [self._accept(body) for body in bodies]
        accepted = [entry for entry in entries if not isinstance(entry, Reply)]
        # Answers come in the order of the queries, so each request takes its own from the front.
        answers = {
            search: iter(search.batch([query for queries, own, _ in accepted if own is search for query in queries]))
            for search in dict.fromkeys(search for _, search, _ in accepted)
        }
        return [
            entry if isinstance(entry, Reply) else _reply(entry[2], [next(answers[entry[1]]) for _ in entry[0]])
            for entry in entries
        ]

    def _accept(self, body: bytes | dict[str, Any]) -> tuple[list[Query], ExactSearch, Render] | Reply:
        try:
            if not body:
                search = self.live.get()
                return [search.sample()], search, render_v1
            queries, version, render = parse_request(body, as_bytes=self._as_bytes)
            return queries, self.live.get(version), render
        except RequestError as error:
            return _problem(400, error)
        except BundleError as error:
            return _problem(503, error)


def _reply(render: Render, answers: Sequence[Candidates | RequestError]) -> Reply:
    found = []
    for index, answer in enumerate(answers):
        if isinstance(answer, RequestError):
            return _problem(400, RequestError(f"query {index}: {answer.message}", fix=answer.fix))
        found.append(answer)
    return render(found)


def _problem(status: int, error: MarqueeError) -> Reply:
    # The form of KServe's own errors.
    return Reply(status, {"error": f"{error.message}; {error.fix}" if error.fix else error.message})
