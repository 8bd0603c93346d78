"""The retrieval servers: TorchServe's handler, and the same service under the kserve package."""

import os

# One batch at a time in one worker: more threads would only compete with other pods for the processor. OpenBLAS reads
# it when numpy is imported; TorchServe's worker inherits it from `start`.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("MARQUEE_THREADS", "1")
