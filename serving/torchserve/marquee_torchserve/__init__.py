"""The retrieval servers: TorchServe's handler, and the same service under the kserve package."""
