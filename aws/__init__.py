"""The AWS profile: SageMaker in place of the retrieval server, Lambda in place of the re-ranker, the same core."""
