"""The function: a pipeline on the bundle in its layer, candidates from SageMaker, the API's words for every error."""

import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from marquee.api.contracts import MAX_BODY_BYTES, RecommendationRequest, response_json
from marquee.api.problems import (
    MEDIA_TYPE,
    NO_STORE,
    ProblemError,
    body_too_long,
    internal_error,
    method_not_allowed,
    not_found,
    not_ready,
    request_refused,
    security_headers,
)
from marquee.api.request_body import parse_request, require_json
from marquee.api.request_context import RequestContext, deadline, request_context
from marquee.bundle.read import load
from marquee.errors import BundleError, RequestError
from marquee.pipeline import Pipeline, Trace
from marquee.retrieval.port import Retriever
from marquee.settings import Settings, load_settings
from marquee_lambda import cors
from marquee_lambda.events import Answer, Asked, read_body, read_event, write_answer
from marquee_lambda.telemetry import Facts, Telemetry

ROUTES = {"/v1/recommendations": "POST", "/recommend": "POST"}
RETRY_AFTER = 5


class App:
    """Answers events, one at a time, as Lambda sends them.

    Args:
        settings: From the environment.
        telemetry: Where to log and count.
        make_retriever: Where candidates of a bundle's version come from; None searches in process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry | None = None,
        make_retriever: Callable[[str], Retriever] | None = None,
    ) -> None:
        self._origins = settings.cors_origins
        self._telemetry = telemetry or Telemetry()
        self._facts: Facts | None = None
        self._security = security_headers(cross_origin=bool(self._origins))
        if make_retriever is None and settings.profile == "aws":
            make_retriever = _endpoint(settings, self._asked_endpoint)
        self._pipeline: Pipeline | BundleError
        try:
            bundle = load(settings.artifacts_dir, mapped=True)  # a layer never changes
        except BundleError as error:
            self._telemetry.logger.error("no bundle: %s", error)
            self._pipeline = error
            return
        # Once without the endpoint: what would fail later fails here, and INIT's processor is faster than a request's.
        seeds = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
        pipeline = Pipeline(bundle)
        response_json(pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=1, explain=True)))
        self._pipeline = pipeline.with_retriever(make_retriever(bundle.version)) if make_retriever else pipeline

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """See `lambda_function.lambda_handler`. Never raises."""
        try:
            # Who asks and until when holds for this event alone.
            return copy_context().run(self._within, event, context)
        except Exception:  # before or after what `_within` answers for: in the reading or the writing of events
            self._telemetry.logger.exception("an event failed")
            return self._unread(event)

    def _within(self, event: Any, context: Any) -> dict[str, Any]:
        started = time.monotonic()
        asked = read_event(event)
        readers = cors.headers_for(asked.headers.get("origin"), self._origins)
        who = RequestContext.from_headers(asked.headers)
        facts = self._facts = Facts(who.request_id, who.trace_id or None, asked.kind, asked.method)
        request_context.set(who)
        deadline.set(started + _seconds_left(context))
        failure: Exception | None = None
        try:
            answer = cors.preflight(asked, self._origins) or self._answer(asked, facts, readers)
        except ProblemError as problem:
            answer = self._problem(problem, facts, readers)
        except Exception as error:  # a stack trace belongs in the log, and a problem to the caller
            failure = error
            answer = self._problem(internal_error(), facts, readers)
        facts.status, facts.ms = answer.status, (time.monotonic() - started) * 1e3
        self._telemetry.record(facts, failure)
        headers = {**answer.headers, "X-Request-ID": facts.request_id, **self._security}
        return write_answer(asked, Answer(answer.status, answer.body, headers))

    def _unread(self, event: Any) -> dict[str, Any]:
        """A fault of ours, in the form for whoever sent this event."""
        is_gateways = isinstance(event, dict) and isinstance(event.get("requestContext"), dict)
        who = RequestContext.from_headers({})
        answer = self._problem(internal_error(), Facts(who.request_id, None, "http", "POST"), {})
        headers = {**answer.headers, "X-Request-ID": who.request_id, **self._security}
        asked = Asked("http" if is_gateways else "bare", "POST", "/")
        return write_answer(asked, Answer(answer.status, answer.body, headers))

    def _answer(self, asked: Asked, facts: Facts, readers: Mapping[str, str]) -> Answer:
        """In the order of the API's layers: the body's length, route, method, type, content."""
        body = read_body(asked)
        if len(body) > MAX_BODY_BYTES:
            raise body_too_long()
        allowed = ROUTES.get(asked.path)
        if allowed is None:
            raise not_found(asked.path)
        facts.route = asked.path
        if asked.method != allowed:
            raise method_not_allowed(asked.method, asked.path, allowed)
        require_json(asked.headers.get("content-type", ""))
        request = parse_request(body)
        facts.n_seeds = request.n_seeds
        if isinstance(self._pipeline, BundleError):
            raise not_ready(self._pipeline, RETRY_AFTER)
        facts.model_version = self._pipeline.version
        trace = Trace()
        try:
            response = self._pipeline.recommend(request, request_id=facts.request_id, trace=trace)
        except RequestError as error:
            raise request_refused(error) from None
        facts.recommended(response, trace)
        return Answer(200, response_json(response), {"Content-Type": "application/json", **NO_STORE, **readers})

    def _problem(self, problem: ProblemError, facts: Facts, readers: Mapping[str, str]) -> Answer:
        headers = {"Content-Type": MEDIA_TYPE, **NO_STORE, **problem.headers, **readers}
        return Answer(problem.status, problem.body(facts.request_id), headers)

    def _asked_endpoint(self, result: str, milliseconds: float) -> None:
        if self._facts is not None:
            self._facts.endpoint, self._facts.endpoint_ms = result, milliseconds


def make_app() -> App:
    """The function's application, as the environment says.

    Raises:
        ConfigError: A setting is unknown, out of range or missing; INIT fails, and its log says which.
    """
    return App(load_settings())


def _endpoint(settings: Settings, on_result: Callable[[str, float], object]) -> Callable[[str], Retriever]:
    from marquee.retrieval.sagemaker import SageMakerClient  # noqa: PLC0415 - boto3 is half of INIT: only if needed

    return SageMakerClient.of_settings(settings, on_result=on_result).retriever


def _seconds_left(context: Any) -> float:
    """Of this invocation, by Lambda's clock; without a context (a test, a shell) there is no limit."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return left() / 1e3 if left is not None else float("inf")
