"""The public API and the web page: HTTP around `marquee.pipeline`."""

import os

# Requests run side by side in threads already. If each also spread its small products over all cores, they would
# only wait for each other: 2 ms become 9. Read by numpy when it is imported, hence before everything else.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
