import threading

import pytest

from marquee.retrieval.remote import CircuitBreaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(failures=3, pause=1.0, longest_pause=4.0, clock=clock)


def fail(breaker, times):
    for _ in range(times):
        assert breaker.admit()
        breaker.failed()


def test_it_opens_after_failures_in_a_row(breaker):
    fail(breaker, 2)
    assert breaker.admit()
    breaker.succeeded()
    fail(breaker, 2)
    assert not breaker.is_open
    fail(breaker, 1)
    assert breaker.is_open
    assert not breaker.admit()


def test_one_trial_after_the_pause(breaker, clock):
    fail(breaker, 3)
    clock.now = 0.99
    assert not breaker.admit()
    clock.now = 1.0
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert not breaker.is_open
    assert [breaker.admit() for _ in range(3)] == [True] * 3


def test_failed_trials_lengthen_the_pause_up_to_a_limit(breaker, clock):
    fail(breaker, 3)
    for pause in (1.0, 2.0, 4.0, 4.0):
        clock.now += pause - 0.01
        assert not breaker.admit()
        clock.now += 0.01
        assert breaker.admit()
        breaker.failed()
    clock.now += 4.0
    assert breaker.admit()
    breaker.succeeded()
    fail(breaker, 3)
    clock.now += 1.0  # the pause is the first one again
    assert breaker.admit()


def test_calls_from_before_it_opened_do_not_lengthen_the_pause(breaker, clock):
    assert all(breaker.admit() for _ in range(20))
    for _ in range(20):
        clock.now += 0.01
        breaker.failed()
    clock.now = 0.03 + 1.0  # the third failure opened it
    assert breaker.admit()
    breaker.failed()  # the trial, which does
    breaker.failed()
    clock.now += 1.99
    assert not breaker.admit()
    clock.now += 0.02
    assert breaker.admit()


def test_a_trial_that_never_reports_does_not_block_for_ever(breaker, clock):
    fail(breaker, 3)
    clock.now = 1.0
    assert breaker.admit()
    clock.now = 2.0
    assert breaker.admit()


def test_of_many_threads_one_makes_the_trial(breaker, clock):
    fail(breaker, 3)
    clock.now = 1.0
    admitted = []
    threads = [threading.Thread(target=lambda: admitted.append(breaker.admit())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 1
