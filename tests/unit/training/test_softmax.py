"""The loss over the whole catalogue is what it says, and so are its gradients."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from marquee_training.two_tower.batches import epoch
from marquee_training.two_tower.softmax import softmax_loss


@pytest.fixture
def batch(world):
    (first, *_) = epoch(world, np.random.default_rng(0), batch_size=6, max_seeds=5, long_share=0.5)
    return first


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((6, 8), (60, 8), (60,))
    return [torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def by_autograd(users, items, bias, batch):
    """The textbook's way: mask, log-softmax, gather."""
    logits = users @ items.T + bias
    masked = logits.index_put((batch.seed_rows, batch.seeds), torch.tensor(-torch.inf, dtype=logits.dtype))
    log_p = F.log_softmax(masked, dim=1)[batch.target_rows, batch.targets]
    return -(batch.target_weights * log_p).sum() / len(batch.sizes)


def in_doubles(batch):
    from dataclasses import replace

    return replace(batch, target_weights=batch.target_weights.double())


def test_the_loss_is_the_multinomial_likelihood_without_the_seeds(batch):
    users, items, bias = parameters()
    expected = 0.0
    for row in range(6):
        logits = (items @ users[row] + bias).detach()
        open_films = torch.ones(60, dtype=torch.bool)
        open_films[batch.seeds[batch.seed_rows == row]] = False
        targets = batch.targets[batch.target_rows == row]
        expected -= float((logits[targets] - torch.logsumexp(logits[open_films], 0)).mean()) / 6
    loss = softmax_loss(users, items, bias, in_doubles(batch), slice(0, 6)).detach()
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_loss_and_gradients_are_those_of_autograd(batch):
    batch = in_doubles(batch)
    ours, theirs = parameters(), parameters()
    one, other = softmax_loss(*ours, batch, slice(0, 6)), by_autograd(*theirs, batch)
    (3 * one).backward()
    (3 * other).backward()
    torch.testing.assert_close(one, other)
    for own, expected in zip(ours, theirs, strict=True):
        assert expected.grad.abs().max() > 0
        torch.testing.assert_close(own.grad, expected.grad)


def test_large_scores_overflow_nowhere(batch):
    users, items, bias = (100 * value.detach() for value in parameters())
    users.requires_grad_()
    loss = softmax_loss(users, items, bias, in_doubles(batch), slice(0, 6))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(users.grad).all()


def test_a_process_without_rows_adds_nothing(batch):
    users, items, bias = parameters()
    loss = softmax_loss(users[6:6], items, bias, in_doubles(batch), slice(6, 6))
    loss.backward()
    assert float(loss.detach()) == 0
    assert items.grad.abs().max() == 0
