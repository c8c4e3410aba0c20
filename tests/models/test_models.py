import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy import stats
from tolerances import ALGEBRA

import jaxleggett as jl
from jaxleggett.kernels.points import one_point
from jaxleggett.models import events, interface, mixtures, werner

KEY = jax.random.key(11)
RNG = np.random.default_rng(11)
ANGLES = [0.0, 1e-9, 1e-4, 0.3, 0.59463, np.pi / 2, 2.0, np.pi - 0.59463, np.pi - 1e-4, np.pi]


def _pair(angle, rng):
    a, c = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    return a, np.cos(angle) * a + np.sin(angle) * c


def _one(model, u, v, a, b):
    return one_point(model, *(np.atleast_2d(x) for x in (u, v, a, b)))[0]


@pytest.mark.parametrize("V", [-1 / 3, -0.01, 0.0, 0.5, oracles.V_C, 0.8536, 1.0])
@pytest.mark.parametrize("angle", ANGLES)
def test_werner_probabilities_against_plain_python(V, angle):
    rng = np.random.default_rng(int(1000 * angle))
    a, b = _pair(angle, rng)
    for u in oracles.unit(rng, 3):
        np.testing.assert_allclose(_one(jl.WernerModel(V), u, -u, a, b), oracles.werner_model(V, u, a, b), atol=ALGEBRA)


def test_marginals_are_those_of_pure_qubits():
    u, v, a, b = oracles.unit(RNG, 4)
    with jax.enable_x64(True):
        M_A, M_B = interface.marginals(u, v, a, b)
    assert M_A == pytest.approx(float(np.dot(u, a)))
    assert M_B == pytest.approx(float(np.dot(v, b)))
    for model in (jl.WernerModel(0.5), jl.WhiteNoiseModel(), jl.SeparableModel(), jl.GreatCircleModel()):
        P = _one(model, u, v, a, b)
        assert P[0] + P[1] - P[2] - P[3] == pytest.approx(M_A)
        assert P[0] - P[1] + P[2] - P[3] == pytest.approx(M_B)


@pytest.mark.parametrize("angle", ANGLES)
def test_averaged_bounds_are_averages(angle):
    """[B13 (8)] against the mean of [B13 (7)] over an independent grid on the sphere."""
    a, b = _pair(angle, np.random.default_rng(1))
    z, f = np.meshgrid((np.arange(400) + 0.5) / 200 - 1, (np.arange(401) + 0.5) * 2 * np.pi / 401, indexing="ij")
    r = np.sqrt(1 - z * z)
    u = np.stack([r * np.cos(f), r * np.sin(f), z], -1).reshape(-1, 3)
    lower, upper = werner.averaged_bounds(a, b)
    assert lower == pytest.approx((-1 + abs(u @ (a - b))).mean(), abs=2e-5)
    assert upper == pytest.approx((1 - abs(u @ (a + b))).mean(), abs=2e-5)


@pytest.mark.parametrize("angle", ANGLES)
def test_weights_average_to_the_werner_correlator(angle):
    """p^- lower + p^+ upper = -V a.b [B13 (6)], and the weights sum to 1."""
    a, b = _pair(angle, np.random.default_rng(2))
    for V in (-0.2, 0.3, 0.9):
        minus, plus = werner.werner_weights(V, a, b)
        lower, upper = -1 + np.sin(angle / 2), 1 - np.cos(angle / 2)
        assert minus + plus == pytest.approx(1, abs=ALGEBRA)
        assert minus * lower + plus * upper == pytest.approx(-V * np.cos(angle), abs=ALGEBRA)
        np.testing.assert_allclose((minus, plus), oracles.half_angle_weights(V, a, b), atol=ALGEBRA)


def test_critical_visibility_is_where_the_weights_touch_zero():
    phi = np.linspace(0, np.pi, 200001)
    a = np.tile([1.0, 0, 0], (len(phi), 1))
    b = np.stack([np.cos(phi), np.sin(phi), 0 * phi], -1)
    assert werner.CRITICAL_VISIBILITY == pytest.approx(oracles.V_C, abs=1e-16)
    at = min(float(w.min()) for w in werner.werner_weights(werner.CRITICAL_VISIBILITY, a, b))
    above = min(float(w.min()) for w in werner.werner_weights(werner.CRITICAL_VISIBILITY + 1e-6, a, b))
    below_zero = min(float(w.min()) for w in werner.werner_weights(-1e-6, a, b))
    assert -1e-14 < at < 1e-9
    assert above == pytest.approx(-1.1e-6, rel=0.05)
    assert below_zero == pytest.approx(-1e-6, rel=1e-3)


def test_the_allowance_of_few_points_covers_any_error_of_one():
    assert [jl.WernerModel(0.5).lattice_error(n) for n in (1, 10)] == [1, 0.01]


def test_werner_hidden_vectors_are_opposite_and_uniform():
    u, v = jl.WernerModel(0.5).sample(KEY, 20000)
    np.testing.assert_array_equal(u, -np.asarray(v))
    for i in range(3):
        assert stats.kstest(np.asarray(u)[:, i], stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_werner_lattices_are_opposite():
    with jax.enable_x64(True):
        for points in (jl.WernerModel(0.5).lattice, jl.WernerModel(0.5).half_lattice):
            u, v, *_ = points(KEY, jnp.arange(50), 50)
            np.testing.assert_array_equal(u, -v)


def test_werner_quadrature_is_exact_and_visits_the_extremes():
    a, b = _pair(1.1, np.random.default_rng(3))
    with jax.enable_x64(True):
        u, v, weights = (np.asarray(x) for x in jl.WernerModel(0.9).quadrature(jnp.asarray(a), jnp.asarray(b)))
    np.testing.assert_array_equal(u, -v)
    np.testing.assert_allclose(weights @ u, 0, atol=ALGEBRA)
    np.testing.assert_allclose((weights[:, None] * u).T @ u, np.eye(3) / 3, atol=ALGEBRA)
    for c in (a - b, a + b):
        assert weights @ np.abs(u @ c) == pytest.approx(np.linalg.norm(c) / 2, abs=ALGEBRA)
    np.testing.assert_array_equal(weights[-5:], 0)
    np.testing.assert_allclose(u[-5:-2], [a, b, -b], atol=ALGEBRA)
    normal = np.cross(a, b) / np.sin(1.1)
    assert u[-2] @ normal == pytest.approx(-u[-1] @ normal)
    assert abs(u[-1] @ normal) == pytest.approx(1)


@pytest.mark.parametrize("lattice", [False, True])
def test_white_noise_hidden_vectors_are_uniform_and_independent(lattice):
    with jax.enable_x64(True):
        model = jl.WhiteNoiseModel()
        u, v = model.lattice(KEY, jnp.arange(40000), 40000) if lattice else model.sample(KEY, 40000)
    u, v = np.asarray(u), np.asarray(v)
    for w in (u, v):
        np.testing.assert_allclose(w.mean(0), 0, atol=0.02)
        np.testing.assert_allclose(w.T @ w / len(w), np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose(u.T @ v / len(u), 0, atol=0.02)
    np.testing.assert_allclose((u**2).T @ v**2 / len(u), 1 / 9, atol=0.01)


def test_white_noise_lattice_steps_by_powers_of_the_root_of_x5_x_1():
    root = max(x.real for x in np.roots([1, 0, 0, 0, -1, -1]) if abs(x.imag) < 1e-12)
    with jax.enable_x64(True):
        u, v = (np.asarray(x) for x in jl.WhiteNoiseModel().lattice(KEY, jnp.arange(9), 9))
    cylinder = [np.stack([(1 - w[:, 2]) / 2, np.arctan2(w[:, 1], w[:, 0]) / (2 * np.pi)], 1) for w in (u, v)]
    steps = np.diff(np.concatenate(cylinder, axis=1), axis=0) % 1
    np.testing.assert_allclose(steps, np.tile(root ** -np.arange(1.0, 5.0), (8, 1)), atol=1e-12)


def _no_bias(u, v, weights):
    """Averages of u, of v and of u v^T all vanish."""
    u, v, weights = (np.asarray(x) for x in (u, v, weights))
    assert weights.sum() == pytest.approx(1)
    for average in (weights @ u, weights @ v, (weights[:, None] * u).T @ v):
        np.testing.assert_allclose(average, 0, atol=1e-7)


def test_quadrature_and_atoms_without_bias():
    a, b = _pair(0.7, np.random.default_rng(0))
    _no_bias(*jl.WhiteNoiseModel().quadrature(jnp.asarray(a), jnp.asarray(b)))
    weights, u, v = _rotated_box().atoms()
    _no_bias(u, v, weights)
    weights, u, v = jl.GreatCircleModel(a).atoms()
    np.testing.assert_allclose(weights, [0.5, 0.5])
    np.testing.assert_allclose(u, [a, -a], atol=1e-6)
    np.testing.assert_array_equal(u, v)


def test_targets_and_errors_of_lattices():
    np.testing.assert_array_equal(jl.WhiteNoiseModel().target.T, np.zeros((3, 3)))
    np.testing.assert_array_equal(jl.GreatCircleModel().target.T, -np.eye(3))
    assert jl.SeparableModel().lattice_error(12) == 0  # every atom is drawn twice
    assert jl.SeparableModel().lattice_error(10) == pytest.approx(6 * (2 / 3) / 20)  # 5/3 of a draw each
    assert [jl.GreatCircleModel().lattice_error(n) for n in (1, 4, 7)] == pytest.approx([0.5, 0, 0.5 / 7])


def test_white_noise_is_a_product():
    u, v, a, b = oracles.unit(RNG, 4)
    want = [(1 + x * np.dot(u, a)) * (1 + y * np.dot(v, b)) / 4 for x, y in oracles.SIGNS]
    np.testing.assert_allclose(_one(jl.WhiteNoiseModel(), u, v, a, b), want, atol=ALGEBRA)


def test_great_circle_shows_the_singlet_and_violates_chsh():
    model = jl.GreatCircleModel(normal=np.array([0, 0.6, 0.8]))
    _, u, v = (np.asarray(x) for x in model.atoms())
    x, y = np.array([1.0, 0, 0]), np.array([0, 0.8, -0.6])
    turn = lambda t: np.cos(t) * x + np.sin(t) * y  # noqa: E731
    a, b = [turn(0), turn(np.pi / 2)], [turn(np.pi / 4), turn(-np.pi / 4)]
    C = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for k in range(len(u)):
                P = _one(model, u[k], v[k], a[i], b[j])
                np.testing.assert_allclose(P, oracles.born(oracles.werner_rho(1), a[i], b[j]), atol=1e-7)
            C[i, j] = P @ [1, -1, -1, 1]
    assert oracles.chsh(C) == pytest.approx(2 * np.sqrt(2), abs=1e-6)


def _rotated_box():
    R = oracles.random_rotation(np.random.default_rng(4))
    alice = np.array([R @ [1, 0, 0], R @ [0.6, 0.8, 0]])
    bob = oracles.unit(np.random.default_rng(5), 2)
    return mixtures.PRBoxModel(alice, bob)


@pytest.mark.parametrize("box", [mixtures.PRBoxModel(), _rotated_box()], ids=["orthogonal", "any"])
def test_pr_box_reaches_the_algebraic_maximum(box):
    weights, u, v = (np.asarray(x) for x in box.atoms())
    assert weights.sum() == pytest.approx(1)
    C = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for k in range(4):
                P = _one(box, u[k], v[k], box.alice[i], box.bob[j])
                sign = (-1) ** (i * j)
                np.testing.assert_allclose(P, [(1 + x * y * sign) / 4 for x, y in oracles.SIGNS], atol=1e-7)
            C[i, j] = P @ [1, -1, -1, 1]
    assert oracles.chsh(C) == pytest.approx(4, abs=1e-6)


def test_pr_box_from_settings():
    box = _rotated_box()
    again = mixtures.PRBoxModel.at(box.pairs)
    np.testing.assert_allclose(again.alice, box.alice, atol=1e-15)
    np.testing.assert_allclose(again.bob, box.bob, atol=1e-15)
    with pytest.raises(jl.InputError, match="must be two for Alice, but are more"):
        mixtures.PRBoxModel.at(jl.SettingPairs.random(3))
    with pytest.raises(jl.InputError, match="must be two for Bob, but are one"):
        mixtures.PRBoxModel.at(jl.SettingPairs.product(box.alice, box.bob[:1]))


def test_separable_mixture_reproduces_its_density_matrix():
    rng = np.random.default_rng(6)
    w = rng.dirichlet(np.ones(5))
    r_A, r_B = (rng.uniform(0, 1, (5, 1)) * oracles.unit(rng, 5) for _ in range(2))
    r_A[2] = 0
    rho = sum(p * np.kron(_qubit(x), _qubit(y)) for p, x, y in zip(w, r_A, r_B, strict=True))
    model = jl.SeparableModel.mixture(w, r_A, r_B)
    np.testing.assert_allclose(model.target.density_matrix(), rho, atol=ALGEBRA)
    a, b = oracles.unit(rng, 2)
    P = sum(p * _one(model, u, v, a, b) for p, u, v in zip(*model.atoms(), strict=True))
    np.testing.assert_allclose(P, oracles.born(rho, a, b), atol=ALGEBRA)


def _qubit(r):
    return (np.eye(2) + sum(x * s for x, s in zip(r, oracles.SIGMA, strict=True))) / 2


def test_default_separable_model_is_the_werner_state_at_one_third():
    np.testing.assert_allclose(jl.SeparableModel().target.density_matrix(), oracles.werner_rho(1 / 3), atol=ALGEBRA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.6], np.eye(3)[:2], np.eye(3)[:2]), "weights must be non-negative and sum to 1"),
        (([1.5, -0.5], np.eye(3)[:2], np.eye(3)[:2]), "weights must be non-negative"),
        (([1.0], [[0, 0, 1.1]], [[0, 0, 1]]), "r_A must hold Bloch vectors of norm at most 1, but one has 1.1"),
        (([1.0], [[0, 0, 1]], [[0, 1]]), r"r_B must have shape \(1, 3\)"),
    ],
)
def test_what_is_no_mixture(arguments, message):
    with pytest.raises(jl.InputError, match=message):
        jl.SeparableModel.mixture(*arguments)


def _uneven():
    rng = np.random.default_rng(8)
    return jl.SeparableModel(np.array([0.5, 0.3, 0.15, 0.05]), oracles.unit(rng, 4), oracles.unit(rng, 4))


def test_atoms_are_drawn_as_often_as_they_weigh():
    model = _uneven()
    u = np.asarray(model.sample(KEY, 20000)[0])
    seen = [(np.abs(u - atom).max(1) < 1e-6).mean() for atom in model.u]
    np.testing.assert_allclose(seen, model.weights, atol=0.015)


@pytest.mark.parametrize("num", [1, 7, 100])
def test_systematic_draws_keep_their_error_bound(num):
    model = _uneven()
    with jax.enable_x64(True):
        for seed in range(50):
            u, v = model.lattice(jax.random.key(seed), jnp.arange(num), num)
            seen = np.array([(np.abs(np.asarray(u) - atom).max(1) < 1e-6).sum() for atom in model.u])
            assert seen.sum() == num
            assert np.abs(seen - num * model.weights).max() <= 1 + 1e-9
            # an average of P in [0, 1] is off by half of what all atoms together are
            assert np.abs(seen / num - model.weights).sum() / 2 <= model.lattice_error(num) + 1e-12
            again = [(np.abs(np.asarray(v) - atom).max(1) < 1e-6).sum() for atom in model.v]
            np.testing.assert_array_equal(again, seen)


def test_rare_atoms_are_not_met_or_missed_together():
    """64 atoms of weight 1/1000 each, in an order in which 16 equally spaced levels meet all or none of them."""
    rare, num = 64, 16
    w = np.where(np.arange(4 * rare) % 4, 0, 1e-3)
    w[1::4] = (1 - w.sum()) / rare
    rng = np.random.default_rng(2)
    model = jl.SeparableModel(w, oracles.unit(rng, len(w)), oracles.unit(rng, len(w)))
    with jax.enable_x64(True):
        u = jax.vmap(lambda k: model.lattice(k, jnp.arange(num), num)[0])(jax.random.split(KEY, 2000))
    is_rare = (np.asarray(u)[:, :, None] == model.u[::4]).all(-1).any(-1).sum(1)
    assert is_rare.mean() == pytest.approx(num * 0.064, abs=0.1)
    # The variance of independent draws is 0.96; in the given order it is 15.3, all 16 levels or none.
    assert is_rare.var() < 2


def test_systematic_draws_are_unbiased():
    model = _uneven()
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 4000)
        u = jax.vmap(lambda k: model.lattice(k, jnp.arange(3), 3)[0])(keys)
    seen = [(np.abs(np.asarray(u) - atom).max(-1) < 1e-6).mean() for atom in model.u]
    np.testing.assert_allclose(seen, model.weights, atol=0.01)


def test_lambda_splits_the_unit_interval():
    P = np.array([0.1, 0.2, 0.3, 0.4])
    lam = np.array([0.0, 0.0999, 0.1001, 0.2999, 0.3001, 0.5999, 0.6001, 0.9999])
    alpha, beta = events.outcomes(lam, np.tile(P, (8, 1)))
    assert alpha.tolist() == [1, 1, 1, 1, -1, -1, -1, -1]
    assert beta.tolist() == [1, 1, -1, -1, 1, 1, -1, -1]
    assert [int(x) for x in events.outcomes(0.2, P)] == [1, -1]
    # probabilities that rounding left a little short of 1 still hold every lambda
    short = events.outcomes(np.nextafter(1, 0), P * (1 - 1e-12))
    assert [int(x) for x in short] == [-1, -1]


def test_for_a_single_lambda_the_outcomes_are_signalling():
    """Bob's outcome at fixed lambda and hidden vectors depends on which setting Alice chose."""
    model, u = jl.WernerModel(0.8), np.array([0.0, 0.0, 1.0])
    b = np.array([0.6, 0.0, 0.8])
    lam = np.linspace(0.0005, 0.9995, 1000)
    seen, rates = [], []
    for a in (np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])):
        P = np.tile(_one(model, u, -u, a, b), (1000, 1))
        beta = events.outcomes(lam, P)[1]
        seen.append(np.asarray(beta))
        rates.append(beta.mean())
    assert (seen[0] != seen[1]).any()
    assert rates[0] == pytest.approx(rates[1], abs=0.005)  # averaged over lambda: no signal
    assert rates[0] == pytest.approx(-0.8, abs=0.005)


def test_gradients_are_finite_at_equal_settings():
    z = jnp.array([0.0, 0.0, 1.0])
    for function in (werner.averaged_bounds, lambda a, b: werner.werner_weights(0.5, a, b)):
        for i in (0, 1):
            assert np.isfinite(jax.grad(lambda a: function(a, z)[i])(z)).all()  # noqa: B023


def test_methods_are_in_double_for_a_caller_without_it():
    u, a, b = oracles.unit(np.random.default_rng(0), 3)
    C = jl.WernerModel(0.5).correlator(u, -u, a, b)
    assert C.dtype == np.float64
    assert pytest.approx(oracles.werner_model(0.5, u, a, b) @ [1, -1, -1, 1], abs=1e-14) == C
    assert jl.SeparableModel().sample(KEY, 4)[0].dtype == np.float64


def test_models_are_differentiable_pytrees():
    a, b = jnp.array([1.0, 0, 0]), jnp.array([0.6, 0.8, 0])
    u = jnp.array([0.0, 0.6, 0.8])
    slope = jax.grad(lambda m: m.correlator(u, -u, a, b))(jl.WernerModel(0.5)).visibility
    step = 0.25 * (jl.WernerModel(0.75).correlator(u, -u, a, b) - jl.WernerModel(0.5).correlator(u, -u, a, b))
    assert slope == pytest.approx(float(step) * 16, rel=1e-4)
