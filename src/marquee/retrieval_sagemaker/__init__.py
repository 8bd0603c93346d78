"""Retrieval from a SageMaker endpoint: the sibling of `marquee.retrieval_client`. Needs boto3, which Lambda brings."""

from marquee.retrieval_sagemaker.client import SageMakerClient

__all__ = ["SageMakerClient"]
