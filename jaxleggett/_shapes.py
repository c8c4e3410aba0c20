"""Types of arrays with their shapes, for annotations alone: no module imports this one when it runs.

    from __future__ import annotations

    if TYPE_CHECKING:
        from .._shapes import Array, Float

    def margin(u: Float[Array, "*n 3"], a: Float[Array, "3"]) -> Float[Array, "*n"]: ...

So the package needs no jaxtyping. In the tests each function with such an annotation is checked at every call, traced
ones too: tests/shapes.py looks the names up here, and an array of another dtype or shape raises
`jaxtyping.TypeCheckError`. An axis that is named stands for the same number throughout one call, `*n` for any number
of axes, `_` for an axis and `...` for axes that nothing else depends on. Fields of dataclasses are checked where JAX
does not take the objects apart (`register_dataclass`: inside `vmap` its leaves may be anything).

What a function takes from users is `ArrayLike`, which lists and numbers are as well: it checks such arguments itself,
in sentences. Where one of the library's own functions takes NumPy's arrays and JAX's, it says `AnyArray`.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Bool, Complex, Float, Float32, Int, Key, Shaped
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
    "Float32",
    "Int",
    "Key",
    "Number",
    "Shaped",
]
