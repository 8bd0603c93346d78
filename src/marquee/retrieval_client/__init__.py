"""Retrieval over HTTP: the adapter for TorchServe and the kserve server. Needs urllib3 (the extra `serving`)."""

from marquee.retrieval_client.client import RetrievalClient

__all__ = ["RetrievalClient"]
