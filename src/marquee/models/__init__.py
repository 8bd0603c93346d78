"""The models at serving time, in numpy, and the types of their arrays."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
LogOdds = NDArray[np.float64]
Rows = NDArray[np.int64]
"""Row numbers of films in the catalogue, or positions among candidates."""
Mask = NDArray[np.bool_]
