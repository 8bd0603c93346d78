"""What every retrieval server does with bodies: parse, search in one batch, answer. Servers add only transport."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marquee.bundle.bundle import Bundle
from marquee.bundle.watch import Live, Outcome
from marquee.errors import BundleError, MarqueeError, RequestError
from marquee.models.two_tower import TwoTower
from marquee.retrieval.exact import ExactSearch, Shortlist
from marquee.retrieval.port import Candidates
from marquee.retrieval.wire import Call, parse_call, write_answer


@dataclass(frozen=True)
class Reply:
    """An HTTP status and a body, not yet JSON text."""

    status: int
    body: dict[str, Any]

    def text(self) -> bytes:
        """The body as JSON."""
        return json.dumps(self.body, separators=(",", ":")).encode()


class RetrievalService:
    """Answers from a store's current bundle, which it follows; or from the one before, for callers that still use it.

    Args:
        path: A store, or the folder of one version.
        make_shortlist: Makes the product over a catalogue; numpy's by default.
        interval: Seconds between two looks at the store.
        on_change: As of `marquee.bundle.watch.Live`.
    """

    def __init__(
        self,
        path: Path,
        *,
        make_shortlist: Callable[[TwoTower], Shortlist | None] = lambda _: None,
        interval: float = 5.0,
        on_change: Callable[[Outcome, str | None], object] = lambda *_: None,
    ) -> None:
        def build(bundle: Bundle) -> ExactSearch:
            search = ExactSearch(bundle, make_shortlist(bundle.two_tower))
            search.batch([search.sample()] * 2)  # what would fail later fails here
            return search

        self.live = Live(path, build=build, interval=interval, on_change=on_change)

    def answer(self, bodies: Sequence[bytes | dict[str, Any]]) -> list[Reply]:
        """One reply per body, whatever is in the others. An empty body is a probe: it gets a real search.

        Statuses: 200; 400 for a bad request; 503 while no bundle is loaded.
        """
        entries: list[tuple[Call, ExactSearch] | Reply] = [self._accept(body) for body in bodies]
        accepted = [entry for entry in entries if isinstance(entry, tuple)]
        found: dict[ExactSearch, list[Candidates | RequestError]] = {}
        for search in dict.fromkeys(search for _, search in accepted):
            found[search] = search.batch([query for call, its in accepted if its is search for query in call.queries])
        # Answers come in the order of the queries, so each call takes its own from the front.
        rest = {search: iter(answers) for search, answers in found.items()}
        return [
            entry if isinstance(entry, Reply) else _reply(entry[0], [next(rest[entry[1]]) for _ in entry[0].queries])
            for entry in entries
        ]

    def _accept(self, body: bytes | dict[str, Any]) -> tuple[Call, ExactSearch] | Reply:
        try:
            if not body:
                search = self.live.get()
                return Call([search.sample()]), search
            call = parse_call(body)
            return call, self.live.get(call.model_version)
        except RequestError as error:
            return _problem(400, error)
        except BundleError as error:
            return _problem(503, error)


def _reply(call: Call, answers: Sequence[Candidates | RequestError]) -> Reply:
    found = [answer for answer in answers if not isinstance(answer, RequestError)]
    if len(found) == len(answers):
        return Reply(200, write_answer(call, found))
    index, error = next((index, answer) for index, answer in enumerate(answers) if isinstance(answer, RequestError))
    return _problem(400, RequestError(f"query {index}: {error.message}", fix=error.fix))


def _problem(status: int, error: MarqueeError) -> Reply:
    # The form of KServe's own errors.
    return Reply(status, {"error": f"{error.message}; {error.fix}" if error.fix else error.message})
