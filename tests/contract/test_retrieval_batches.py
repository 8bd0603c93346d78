"""TorchServe really batches, and a bad request of a batch fails alone."""

import threading

import httpx2

from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from tests.contract.conftest import PREDICT, only_torchserve
from tests.waiting import until

N = 64


@only_torchserve
def test_concurrent_requests_share_batches(server, bundle):
    calls, requests = (server.metric(f"MarqueeBatchSize_{kind}") for kind in ("count", "sum"))
    movies = [int(movie) for movie in bundle.catalog.movie_ids]
    bodies = [{"instances": [{"movie_ids": movies[index : index + 3], "k": 50}]} for index in range(N)]
    bodies[10] = {"instances": [{"movie_ids": [2], "k": 50}]}  # no film has this id
    bodies[20] = {"instances": "none"}
    answers = [None] * N
    together = threading.Barrier(N)

    def ask(index):
        with httpx2.Client(base_url=server.url, timeout=120) as client:
            client.get("/ping")  # connected before all start
            together.wait(120)
            answers[index] = client.post(PREDICT, json=bodies[index])

    threads = [threading.Thread(target=ask, args=[index]) for index in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    search = ExactSearch(bundle)
    for index, answer in enumerate(answers):
        if index in {10, 20}:
            assert answer.status_code == 400
            continue
        assert answer.status_code == 200, answer.text
        expected = search.candidates(movies[index : index + 3], 50, Where())
        assert answer.json()["predictions"][0]["movie_ids"] == expected.movie_ids.tolist()
        assert answer.json()["predictions"][0]["scores"] == expected.scores.tolist()
    # TorchServe counts a little after it has answered: some of these are of earlier requests, or still to come.
    until(lambda: server.metric("MarqueeBatchSize_sum") >= requests + N)
    calls = server.metric("MarqueeBatchSize_count") - calls
    # How many wait when the worker is free depends on the machine; never is each one alone.
    assert calls < N, f"{N} requests came in {calls:.0f} batches"
