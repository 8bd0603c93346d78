"""The retrieval service of both servers, with the product over the catalogue in torch where there is a GPU."""

import logging
from collections.abc import Sequence
from functools import partial

import torch

from marquee.bundle.address import open_store
from marquee.models import Array, Mask, Rows
from marquee.models.two_tower import TwoTower
from marquee.retrieval.exact import Shortlist
from marquee.retrieval.service import RetrievalService
from marquee.settings import Settings

logger = logging.getLogger("marquee.torchserve")


def torch_shortlist(tower: TwoTower, device: torch.device) -> Shortlist:
    """As `marquee.retrieval.exact.numpy_shortlist`, which describes arguments and result."""
    # Copies, since a bundle's arrays are read-only and torch can't promise not to write.
    items = torch.from_numpy(tower.item_vectors.copy()).to(device).T
    bias = torch.from_numpy(tower.item_bias.copy()).to(device)

    @torch.inference_mode()
    def shortlist(users: Array, allowed: Mask, ks: Sequence[int], margins: Sequence[float]) -> list[Rows]:
        mask = torch.from_numpy(allowed).to(device)
        scores = torch.addmm(bias, torch.from_numpy(users).to(device), items)
        scores.masked_fill_(~mask, -torch.inf)
        best = torch.topk(scores, min(max(ks), scores.shape[1]), dim=1).values
        last = torch.tensor([min(k, best.shape[1]) - 1 for k in ks], device=device)
        least = best.gather(1, last[:, None]) - torch.tensor(margins, device=device)[:, None]
        # Of a filter that allows fewer than k films, the k-th best score is that of a film it doesn't allow.
        near = (scores >= least) & mask
        return [torch.nonzero(row).ravel().cpu().numpy() for row in near]

    return shortlist


def start_service(settings: Settings) -> RetrievalService:
    """A service that follows the store, on the first GPU or the processor; it answers 503 until there is a bundle."""
    # On a processor numpy takes a third of torch's time, and needs no copy of the vectors.
    on_gpu = partial(torch_shortlist, device=torch.device("cuda")) if torch.cuda.is_available() else None
    service = RetrievalService(
        open_store(settings.artifacts, settings.cache_dir),
        model=settings.model,
        make_shortlist=on_gpu or (lambda _: None),
        interval=settings.reload_seconds,
    )
    service.live.start(wait=False)  # however slow the disk is, probes are answered meanwhile
    logger.info("retrieval on %s from %s", "a GPU" if on_gpu else "the processor", settings.artifacts)
    return service
