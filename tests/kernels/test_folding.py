"""A reduction whose results are made of other numbers than what it is given, in any order that a device may take."""

import jax
import numpy as np
import pytest

from jaxleggett.kernels import folding


def _moments(x, w):
    """Sum of w x, smallest and largest x, sum of w: by NumPy, over the last axis."""
    return [(w * x).sum(-1), x.min(-1), x.max(-1), np.broadcast_to(w, x.shape).sum(-1)]


def _fold(x, w):
    def add(kept, incoming):
        x, w = incoming
        return (
            kept[0] + w * x,
            jax.numpy.minimum(kept[1], x),
            jax.numpy.maximum(kept[2], x),
            kept[3] + w,
        )

    def merge(one, other):
        return (
            one[0] + other[0],
            jax.numpy.minimum(one[1], other[1]),
            jax.numpy.maximum(one[2], other[2]),
            one[3] + other[3],
        )

    with jax.enable_x64(True):
        x, w = jax.numpy.asarray(x), jax.numpy.asarray(w)
        return [np.asarray(kept) for kept in folding.folded([x, w], [0.0, np.inf, -np.inf, 0.0], add, merge)]


@pytest.mark.parametrize("shape", [(1, 2), (3, 64), (5, 13)])
def test_more_is_kept_than_comes_in(rng, shape):
    x, w = rng.normal(size=shape), rng.uniform(0.5, 1.5, size=(1, shape[1]))
    for found, want in zip(_fold(x, w), _moments(x, w), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_no_order_is_asked_of_the_device(monkeypatch, rng, seed):
    """Any two neighbours are joined next, starting values among them, as in the trees of a GPU."""
    order = np.random.default_rng(seed)

    def tree(operands, initial, join, dimensions):
        assert dimensions == (1,)
        rows = []
        for row in range(operands[0].shape[0]):
            items = [tuple(operand[row, k] for operand in operands) for k in range(operands[0].shape[1])]
            for _ in range(3):
                items.insert(order.integers(len(items) + 1), tuple(initial))
            while len(items) > 1:
                k = order.integers(len(items) - 1)
                items[k : k + 2] = [tuple(join(items[k], items[k + 1]))]
            rows.append(items[0])
        return [jax.numpy.stack(column) for column in zip(*rows, strict=True)]

    monkeypatch.setattr(folding.lax, "reduce", tree)
    x, w = rng.normal(size=(2, 7)), rng.uniform(0.5, 1.5, size=(1, 7))
    for found, want in zip(_fold(x, w), _moments(x, w), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-13)


def test_hidden_vectors_fill_up_without_weight(rng):
    u, v, weights = rng.normal(size=(65, 3)), rng.normal(size=(65, 3)), rng.uniform(size=65)
    with jax.enable_x64(True):
        u_parts, v_parts, w = folding.components(*(jax.numpy.asarray(x) for x in (u, v, weights)), np.float64)
    for parts, whole in ((u_parts, u), (v_parts, v), ((w,), weights[:, None])):
        assert [part.shape for part in parts] == [(128,)] * len(parts)
        np.testing.assert_array_equal(np.stack(parts)[:, :65].T, whole)
    assert not np.asarray(w[65:]).any()
    np.testing.assert_array_equal(np.stack(u_parts)[:, 65:], np.repeat(u[64:].T, 63, axis=1))


def test_more_comes_in_than_is_kept(rng):
    x = [rng.normal(size=(3, 64)) for _ in range(3)]
    with jax.enable_x64(True):
        kept = folding.folded(
            [jax.numpy.asarray(y) for y in x],
            [0.0],
            lambda kept, incoming: (kept[0] + incoming[0] * incoming[1] - incoming[2],),
            lambda one, other: (one[0] + other[0],),
        )
    assert len(kept) == 1
    np.testing.assert_allclose(kept[0], (x[0] * x[1] - x[2]).sum(-1), rtol=1e-12)
