"""The model's card as it is sent: made once per bundle, since it only changes with that."""

from weakref import WeakKeyDictionary

from marquee.api.contracts import response_json
from marquee.bundle.card import model_card
from marquee.pipeline import Pipeline
from marquee_reranker.kept import weak_tag

# An entry goes with its pipeline, when a newer bundle has taken its place.
_made: WeakKeyDictionary[Pipeline, tuple[bytes, str]] = WeakKeyDictionary()


def card_of(pipeline: Pipeline) -> tuple[bytes, str]:
    """The card's JSON and its ETag."""
    made = _made.get(pipeline)
    if made is None:
        body = response_json(model_card(pipeline.bundle.manifest))
        made = _made[pipeline] = body, weak_tag(body)
    return made
