"""The posters' memory: bounded, the least asked for goes first, and nothing is kept for ever."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from marquee_reranker.posters.cache import OVERHEAD, Poster, PosterCache


def poster(size):
    return Poster(bytes(size), "image/png")


def test_what_was_put_is_kept_and_so_is_that_there_is_none():
    cache = PosterCache()
    assert cache.get(1) is None
    cache.put(1, poster(5))
    cache.put(2, None)
    assert cache.get(1).poster == poster(5)
    assert cache.get(2).poster is None
    assert len(cache) == 2
    assert cache.size == 5 + 2 * OVERHEAD


def test_the_least_recently_asked_for_goes_first():
    cache = PosterCache(3 * (OVERHEAD + 100))
    for tmdb_id in (1, 2, 3):
        cache.put(tmdb_id, poster(100))
    cache.get(1)
    cache.put(4, poster(100))
    assert [cache.get(tmdb_id) is not None for tmdb_id in (1, 2, 3, 4)] == [True, False, True, True]


def test_one_that_is_larger_than_all_is_not_kept():
    cache = PosterCache(1000)
    cache.put(1, poster(2000))
    assert (len(cache), cache.size) == (0, 0)


def test_both_kinds_grow_old():
    now = [0.0]
    cache = PosterCache(seconds=100, miss_seconds=10, clock=lambda: now[0])
    cache.put(1, poster(5))
    cache.put(2, None)
    now[0] = 9.9
    assert cache.get(1)
    assert cache.get(2)
    now[0] = 10
    assert cache.get(2) is None
    assert cache.get(1)
    now[0] = 100
    assert cache.get(1) is None
    assert (len(cache), cache.size) == (0, 0)


@given(st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(0, 900)), max_size=60))
def test_the_size_is_always_true_and_bounded(puts):
    cache = PosterCache(4000)
    for tmdb_id, size in puts:
        cache.put(tmdb_id, None if size is None else poster(size))
        entries = [kept.poster for kept in cache._entries.values()]
        assert cache.size == sum(OVERHEAD + (len(one.content) if one else 0) for one in entries) <= 4000


def test_many_threads():
    cache = PosterCache(20 * (OVERHEAD + 10))

    def work(seed):
        for step in range(500):
            cache.put((seed * 7 + step) % 50, poster(step % 20))
            cache.get(step % 50)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < cache.size <= 20 * (OVERHEAD + 10)
