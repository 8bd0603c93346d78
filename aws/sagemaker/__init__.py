"""The Two-Tower as a SageMaker model: `inference.py` is what the PyTorch serving toolkit loads."""
