"""The Lambda function: Powertools reads the event, the core answers it as the API does, each event is logged once."""

import base64
import binascii
import json
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Literal

from aws_lambda_powertools.event_handler.api_gateway import (
    ALBResolver,
    APIGatewayHttpResolver,
    ApiGatewayResolver,
    APIGatewayRestResolver,
    CORSConfig,
    Response,
)

from marquee.api.contracts import MAX_BODY_BYTES, RecommendationRequest, response_json
from marquee.api.problems import (
    BODY_TOO_LONG,
    INTERNAL,
    MEDIA_TYPE,
    NO_STORE,
    ProblemError,
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
from marquee_lambda.telemetry import Facts, Telemetry

ROUTES = ("/v1/recommendations", "/recommend")
RETRY_AFTER = 5
Kind = Literal["http", "rest", "alb", "bare"]
RESOLVERS: dict[Kind, type[ApiGatewayResolver]] = {
    "http": APIGatewayHttpResolver,
    "rest": APIGatewayRestResolver,
    "alb": ALBResolver,
}


class App:
    """Answers events, one at a time, as Lambda sends them.

    Args:
        settings: From the environment.
        telemetry: Logger and metrics.
        make_retriever: Makes the retriever for a bundle's version; None searches in process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry | None = None,
        make_retriever: Callable[[str], Retriever] | None = None,
    ) -> None:
        origins = settings.cors_origins
        self._telemetry = telemetry or Telemetry()
        self._facts = Facts()
        # Every answer has these. Answers differ by Origin where CORS is on, so caches must know.
        self._headers = security_headers(cross_origin=bool(origins)) | ({"Vary": "Origin"} if origins else {})
        self._resolvers = {kind: self._make_resolver(make, origins) for kind, make in RESOLVERS.items()}
        if make_retriever is None and settings.profile == "aws":
            make_retriever = _endpoint(settings, self._note_endpoint)
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
        kind = kind_of(event)
        self._facts = Facts(event=kind)
        try:
            resolver = self._resolvers["http" if kind == "bare" else kind]
            # The request context and the deadline hold for this event alone.
            result = copy_context().run(resolver.resolve, _as_http(event) if kind == "bare" else event, context)
        except Exception:
            # Outside of `_observe`, so no answer could be made. `headers` is what every gateway understands.
            self._telemetry.logger.exception("an event failed")
            self._facts.request_id = RequestContext.from_headers({}).request_id
            response = self._problem(ProblemError(500, INTERNAL))
            headers = {**response.headers, "X-Request-ID": self._facts.request_id, **self._headers}
            result = {"statusCode": 500, "headers": headers, "body": response.body, "isBase64Encoded": False}
        return dict(json.loads(result["body"])) if kind == "bare" else result

    def _make_resolver(self, make: type[ApiGatewayResolver], origins: list[str]) -> ApiGatewayResolver:
        cors = None
        if origins:
            exposed = ["X-Request-ID", "Retry-After"]
            cors = CORSConfig(origins[0], origins[1:], ["X-Request-ID"], exposed, max_age=600)
        resolver = make(cors=cors)
        resolver.use([self._observe])
        resolver.not_found(lambda _: self._no_route(resolver))
        for path in ROUTES:
            resolver.post(path)(lambda: self._recommend(resolver))
        return resolver

    def _observe(self, resolver: ApiGatewayResolver, next_middleware: Callable[[Any], Response[str]]) -> Response[str]:
        """Middleware around every route: request context, body limit, problems, headers, log line and metrics."""
        started = time.monotonic()
        headers = headers_of(resolver)
        context, facts = RequestContext.from_headers(headers), self._facts
        facts.request_id, facts.trace_id = context.request_id, context.trace_id or None
        facts.method = resolver.current_event.http_method.upper()
        request_context.set(context)
        deadline.set(started + _seconds_left(resolver.lambda_context))
        failure: Exception | None = None
        try:
            body = body_of(resolver)
            if len(body) > MAX_BODY_BYTES:
                raise ProblemError(413, BODY_TOO_LONG)
            resolver.context.update(body=body, headers=headers)
            response = next_middleware(resolver)
        except ProblemError as problem:
            response = self._problem(problem)
        except Exception as error:  # the stack trace goes to the log, a problem to the client
            failure = error
            response = self._problem(ProblemError(500, INTERNAL))
        response.headers.update({"X-Request-ID": facts.request_id, **self._headers})
        facts.status, facts.ms = response.status_code, (time.monotonic() - started) * 1e3
        self._telemetry.record(facts, failure)
        return response

    def _recommend(self, resolver: ApiGatewayResolver) -> Response[str]:
        facts = self._facts
        facts.route = _path(resolver)
        require_json(resolver.context["headers"].get("content-type", ""))
        request = parse_request(resolver.context["body"])
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
        return Response(200, "application/json", response_json(response).decode(), dict(NO_STORE))

    def _no_route(self, resolver: ApiGatewayResolver) -> Response[str]:
        path = _path(resolver)
        if path not in ROUTES:
            raise not_found(path)
        self._facts.route = path
        raise method_not_allowed(self._facts.method, path, "POST")

    def _problem(self, problem: ProblemError) -> Response[str]:
        body = problem.body(self._facts.request_id).decode()
        return Response(problem.status, MEDIA_TYPE, body, {**NO_STORE, **problem.headers})

    def _note_endpoint(self, result: str, milliseconds: float) -> None:
        self._facts.endpoint, self._facts.endpoint_ms = result, milliseconds


def make_app() -> App:
    """The function's application, configured by the environment.

    Raises:
        ConfigError: A setting is unknown, out of range or missing; INIT fails, and its log says which.
    """
    return App(load_settings())


def kind_of(event: Any) -> Kind:
    """The shape of an event; whatever is no well-formed event of a gateway is a bare request.

    Returns:
        http: Payload format 2.0, of HTTP APIs and function URLs. rest: 1.0, of REST APIs. alb: a load balancer's.
    """
    match event:
        case {"headers": list() | str() | int() | float()} | {"multiValueHeaders": list() | str() | int() | float()}:
            return "bare"
        case {"body": list() | dict() | int() | float()}:
            return "bare"
        case {"requestContext": {"http": {"method": str()}, "stage": str()}, "rawPath": str()}:
            return "http"
        case {"requestContext": {"elb": dict()}, "httpMethod": str(), "path": str()}:
            return "alb"
        case {"requestContext": dict(), "httpMethod": str(), "path": str()}:
            return "rest"
    return "bare"


def _as_http(event: Any) -> dict[str, Any]:
    """A bare request as the event of an HTTP API."""
    http = {"method": "POST", "path": ROUTES[0]}
    return {
        "rawPath": http["path"],
        "requestContext": {"stage": "$default", "http": http},
        "headers": {"content-type": "application/json"},
        "body": json.dumps(event),
    }


def headers_of(resolver: ApiGatewayResolver) -> dict[str, str]:
    """The request's headers by lower-case names; values of a repeated one are joined by commas, as in HTTP."""
    found = resolver.current_event.resolved_headers_field
    return {name: ",".join(map(str, one)) if isinstance(one, list) else str(one) for name, one in found.items()}


def body_of(resolver: ApiGatewayResolver) -> bytes:
    """The body's bytes. Powertools' own `decoded_body` fails on what isn't UTF-8.

    Raises:
        ProblemError: 400, where the event says base64 and it isn't.
    """
    event = resolver.current_event
    if event.is_base64_encoded is not True:
        return (event.body or "").encode(errors="surrogatepass")
    try:
        return base64.b64decode(event.body or "", validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(400, "the body is not base64, though isBase64Encoded says so: send it as it is") from None


def _path(resolver: ApiGatewayResolver) -> str:
    # Half a surrogate pair, which JSON can hold, can't be repeated in an answer.
    return resolver.current_event.path.encode(errors="replace").decode()


def _endpoint(settings: Settings, on_result: Callable[[str, float], object]) -> Callable[[str], Retriever]:
    from marquee.retrieval.sagemaker import SageMakerClient  # noqa: PLC0415 - boto3 is half of INIT: only if needed

    return SageMakerClient.of_settings(settings, on_result=on_result).retriever


def _seconds_left(context: Any) -> float:
    """Of this invocation, by Lambda's clock; without a context (a test, a shell) there is no limit."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return left() / 1e3 if left is not None else float("inf")
