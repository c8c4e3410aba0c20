"""Types of arrays with their shapes, for annotations only: no module imports this one at run time.

    from __future__ import annotations

    if TYPE_CHECKING:
        from .._shapes import Array, Float

    def margin(u: Float[Array, "*n 3"], a: Float[Array, "3"]) -> Float[Array, "*n"]: ...

So the package does not depend on jaxtyping. In the tests every call of a function with such an annotation is checked,
also under `jit` and `vmap`: tests/shapes.py looks the names up here, and an array of another dtype or shape raises
`jaxtyping.TypeCheckError`. A named axis has the same length throughout one call. `*n` stands for any number of axes,
`_` for one axis and `...` for any number of axes whose lengths are not compared. Fields of dataclasses are checked, but
not those of classes with `register_dataclass`, whose leaves may be anything inside JAX's transformations.

An argument that users pass is `ArrayLike`, which includes lists and numbers: the function checks it itself, with a
message for the user. An argument of an internal function that takes arrays of NumPy and of JAX is `AnyArray`.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Bool, Complex, Float, Int, Shaped
from numpy.typing import ArrayLike

AnyArray = Array | np.ndarray
"""An array of NumPy or of JAX."""

Number = float | AnyArray
"""A Python number, or an array of numbers."""

__all__ = [
    "AnyArray",
    "Array",
    "ArrayLike",
    "Bool",
    "Complex",
    "DTypeLike",
    "Float",
    "Int",
    "Number",
    "Shaped",
]
