"""Kernels for sampling: pure, jitted functions of arrays. `plan` cuts a run into chunks, `chunks` evaluates them."""

from .chunks import Sums, advance, chunk_sums, hidden_vectors, witnesses
from .plan import Plan
from .points import one_point, quadrature_averages

__all__ = ["Plan", "Sums", "advance", "chunk_sums", "hidden_vectors", "one_point", "quadrature_averages", "witnesses"]
