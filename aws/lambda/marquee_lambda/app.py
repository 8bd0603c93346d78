"""Lambda function: Powertools parses events and routes them; answers are byte for byte those of the HTTP API."""

import base64
import binascii
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from aws_lambda_powertools.event_handler import api_gateway
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, CORSConfig, Response

from marquee.api import problems
from marquee.api.contracts import RecommendationRequest, response_json
from marquee.api.older_shape import older_shape
from marquee.api.probes import Alive
from marquee.api.problems import ProblemError
from marquee.api.ratings import ResolveRequest
from marquee.api.request_body import Body, parse_request
from marquee.api.request_context import RequestContext, deadline, request_context
from marquee.bundle.read import load
from marquee.errors import AnswerTooLong, BundleError, RequestError
from marquee.inspect_request import account
from marquee.pipeline import Pipeline, Trace
from marquee.retrieval.port import Retriever
from marquee.settings import Settings
from marquee_lambda import films
from marquee_lambda.events import SHORT, Kind, ping_answer, read_event
from marquee_lambda.telemetry import Facts, Telemetry

OLDER = "/v0/recommend"
EXPLAIN = "/v1/explain"
RESOLVE = "/v1/resolve"
POSTS = ("/v1/recommendations", SHORT, OLDER, EXPLAIN)
# By path, for what has no such method.
ALLOWED = dict.fromkeys([*POSTS, RESOLVE], "POST") | dict.fromkeys(["/livez", *films.ROUTES], "GET")
RETRY_AFTER = 5
RESOLVERS: dict[Kind, type[ApiGatewayResolver]] = {
    "http": api_gateway.APIGatewayHttpResolver,
    "rest": api_gateway.APIGatewayRestResolver,
    "alb": api_gateway.ALBResolver,
}


class App:
    """Handler of one event at a time. `make_retriever` takes a bundle's version; default: the profile's."""

    def __init__(self, settings: Settings, *, make_retriever: Callable[[str], Retriever] | None = None) -> None:
        origins = settings.cors_origins
        self._telemetry = Telemetry()
        self._facts = Facts()
        self._root = settings.root_path
        self._event = read_event(None, "")
        # Headers of every answer. With CORS, answers depend on Origin.
        self._headers = problems.security_headers(cross_origin=bool(origins)) | ({"Vary": "Origin"} if origins else {})
        self._resolvers = {kind: self._make_resolver(make, origins) for kind, make in RESOLVERS.items()}
        if make_retriever is None and settings.profile == "aws":
            from marquee.retrieval.sagemaker import SageMakerClient  # noqa: PLC0415 - boto3 is half of INIT

            make_retriever = SageMakerClient.of_settings(settings, on_result=self._note_endpoint).retriever
        self._pipeline: Pipeline | BundleError
        try:
            bundle = load(settings.artifacts, mapped=True)  # a layer never changes
        except BundleError as error:
            self._telemetry.logger.error("no bundle: %s", error)
            self._pipeline = error
            return
        # First request, without the endpoint: errors show at INIT, which has a faster processor than requests.
        seeds = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
        pipeline = Pipeline(bundle)
        response_json(pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=1, explain=True)))
        self._pipeline = pipeline.with_retriever(make_retriever(bundle.version)) if make_retriever else pipeline

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """See `lambda_function.lambda_handler`. Never raises."""
        if warm := ping_answer(event):
            return warm
        self._event = read = read_event(event, self._root)
        self._facts = Facts(event="bare" if read.is_bare else read.kind)
        try:
            # A copy, so that request context and deadline end with the event.
            result = copy_context().run(self._resolvers[read.kind].resolve, read.data, context)
        except Exception:
            # An error outside of `_observe`.
            self._telemetry.logger.exception("an event failed")
            self._facts.request_id = RequestContext.from_headers({}).request_id
            response = self._problem(ProblemError(500, problems.INTERNAL))
            headers = {**response.headers, "X-Request-ID": self._facts.request_id, **self._headers}
            result = {"statusCode": 500, "headers": headers, "body": response.body, "isBase64Encoded": False}
            if "multiValueHeaders" in read.data:  # a load balancer that sends these reads no others
                result["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        if read.is_head:
            result["body"] = ""
        return dict(json.loads(result["body"])) if read.is_bare else result

    def _make_resolver(self, make: type[ApiGatewayResolver], origins: list[str]) -> ApiGatewayResolver:
        cors = None
        if origins:
            exposed = ["X-Request-ID", "Retry-After"]
            cors = CORSConfig(origins[0], origins[1:], ["X-Request-ID"], exposed, max_age=600)
        resolver = make(cors=cors)
        resolver.use([self._observe])
        resolver.not_found(lambda _: self._no_route(resolver))
        for path in POSTS:
            resolver.post(path)(lambda: self._recommend(resolver))
        resolver.post(RESOLVE)(lambda: self._resolve(resolver))
        resolver.get("/livez")(lambda: _json(response_json(Alive())))
        for path, route in films.ROUTES.items():
            resolver.get(path)(self._getter(path, route))
        return resolver

    def _observe(self, resolver: ApiGatewayResolver, next_middleware: Callable[[Any], Response[str]]) -> Response[str]:
        """Middleware of every route: request context, body limit, problems, headers, log line and metrics."""
        started = time.monotonic()
        headers = headers_of(resolver)
        context, facts = RequestContext.from_headers(headers), self._facts
        facts.request_id, facts.trace_id = context.request_id, context.trace_id or None
        facts.method = resolver.current_event.http_method.upper()
        request_context.set(context)
        left = getattr(resolver.lambda_context, "get_remaining_time_in_millis", None)  # by Lambda's clock
        deadline.set(math.inf if left is None else started + left() / 1e3)
        failure: Exception | None = None
        try:
            body = body_of(resolver)
            problems.check_length(len(body), _path(resolver))
            resolver.context.update(body=body, headers=headers)
            response = next_middleware(resolver)
            if (size := len(json.dumps(response.body))) > self._event.limit:
                raise AnswerTooLong("the answer", size, self._event.limit)
        except ProblemError as problem:
            response = self._problem(problem)
        except RequestError as error:
            response = self._problem(problems.request_refused(error))
        except Exception as error:  # the stack trace goes to the log, a problem to the client
            failure = error
            response = self._problem(ProblemError(500, problems.INTERNAL))
        response.headers.update({"X-Request-ID": facts.request_id, **self._headers})
        facts.status, facts.ms = response.status_code, (time.monotonic() - started) * 1e3
        self._telemetry.record(facts, failure)
        return response

    def _recommend(self, resolver: ApiGatewayResolver) -> Response[str]:
        facts = self._facts
        facts.route = _path(resolver)
        request = _parsed(resolver, RecommendationRequest)
        facts.n_seeds = request.n_seeds
        pipeline, trace = self._ready(), Trace()
        if facts.route == EXPLAIN:
            return _json(response_json(account(pipeline, request, request_id=facts.request_id, trace=trace)))
        response = pipeline.recommend(request, request_id=facts.request_id, trace=trace)
        facts.served_by, facts.degraded, facts.n_candidates = response.served_by, response.degraded, trace.n_candidates
        facts.retrieval_ms, facts.rerank_ms = trace.retrieval_ms, trace.rerank_ms
        return _json(response_json(older_shape(response) if facts.route == OLDER else response))

    def _resolve(self, resolver: ApiGatewayResolver) -> Response[str]:
        self._facts.route = RESOLVE
        rows = _parsed(resolver, ResolveRequest).rows
        return _json(response_json(self._ready().films.resolve(rows)))

    def _getter(self, path: str, route: films.Route) -> Callable[..., Response[str]]:
        def get(movie_id: str = "", item_id: str = "") -> Response[str]:
            self._facts.route = path
            answer = route(self._ready(), movie_id or item_id, self._event.query)
            # As over HTTP: a draw without a seed is another one each time.
            is_stable = path != "/readyz" and (path != "/v1/movies/sample" or "seed" in self._event.query)
            body = answer if isinstance(answer, bytes) else response_json(answer)
            return _json(body, problems.ONE_MINUTE if is_stable else problems.NO_STORE)

        return get

    def _ready(self) -> Pipeline:
        if isinstance(self._pipeline, BundleError):
            raise problems.not_ready(self._pipeline, RETRY_AFTER)
        self._facts.model_version = self._pipeline.version
        return self._pipeline

    def _no_route(self, resolver: ApiGatewayResolver) -> Response[str]:
        path = _path(resolver)
        for route, method in ALLOWED.items():
            if re.fullmatch(re.sub("<.*>", "[^/]+", route), path):
                self._facts.route = route
                raise problems.method_not_allowed(self._facts.method, path, method)
        raise problems.not_found(path)

    def _problem(self, problem: ProblemError) -> Response[str]:
        body = problem.body(self._facts.request_id).decode()
        return Response(problem.status, problems.MEDIA_TYPE, body, {**problems.NO_STORE, **problem.headers})

    def _note_endpoint(self, result: str, milliseconds: float) -> None:
        self._facts.endpoint, self._facts.endpoint_ms = result, milliseconds


def _parsed(resolver: ApiGatewayResolver, kind: type[Body]) -> Body:
    return parse_request(resolver.context["headers"].get("content-type", ""), resolver.context["body"], kind)


def _json(body: bytes, headers: Mapping[str, str] = problems.NO_STORE) -> Response[str]:
    return Response(200, "application/json", body.decode(), dict(headers))


def headers_of(resolver: ApiGatewayResolver) -> dict[str, str]:
    """Headers by lower-case name; repeated ones are joined by commas, as in HTTP."""
    found = resolver.current_event.resolved_headers_field
    return {name: ",".join(map(str, one)) if isinstance(one, list) else str(one) for name, one in found.items()}


def body_of(resolver: ApiGatewayResolver) -> bytes:
    """The body's bytes; invalid base64 is a 400. Powertools' own `decoded_body` fails on bytes that aren't UTF-8."""
    event = resolver.current_event
    if event.is_base64_encoded is not True:
        return (event.body or "").encode(errors="surrogatepass")
    try:
        return base64.b64decode(event.body or "", validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(400, "the body is not base64, though isBase64Encoded says so: send it as it is") from None


def _path(resolver: ApiGatewayResolver) -> str:
    # A lone surrogate, which JSON can hold, can't be encoded in an answer.
    return resolver.current_event.path.encode(errors="replace").decode()
