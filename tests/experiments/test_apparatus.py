"""What is set in the laboratory, against Jones matrices and gates that are written out here."""

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.experiments import apparatus_csv, bloch_angles, gate_angles, waveplate_angles

OPTICS = 1e-12  # probabilities behind plates or gates against (1 + s.s')/2; worst seen 1.0e-15

H, V = np.array([1, 0]), np.array([0, 1])


def directions(rng):
    """The six poles, others within rounding of them or with a component that is -0, and random ones."""
    poles = np.concatenate([np.eye(3), -np.eye(3)])
    near = poles + rng.normal(size=(6, 3)) * 10.0 ** rng.integers(-18, -6, (6, 1))
    far = rng.normal(size=(200, 3))
    s = np.concatenate([poles, near, far])
    return s / np.linalg.norm(s, axis=1)[:, None]


def spinor(s):
    """A vector with the Bloch vector s: (1, i) is +y."""
    x, y, z = s
    psi = np.array([1 + z, x + 1j * y]) if z > 0 else np.array([x - 1j * y, 1 - z])
    return psi / np.linalg.norm(psi)


def turned(angle, fast, slow):
    """The Jones matrix of a plate with its fast axis at `angle` (degrees) from H towards D."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[c, -s], [s, c]])
    return turn @ np.diag([fast, slow]) @ turn.T


def james_quarter(q):
    """U_QWP of James et al. (2001): angles from V."""
    q = np.radians(q)
    return np.array([[1j - np.cos(2 * q), np.sin(2 * q)], [np.sin(2 * q), 1j + np.cos(2 * q)]]) / np.sqrt(2)


def james_half(h):
    """U_HWP of the same."""
    h = np.radians(h)
    return np.array([[np.cos(2 * h), -np.sin(2 * h)], [-np.sin(2 * h), -np.cos(2 * h)]])


def worst(s, chain, rng, port=H):
    """The largest error of P(+) of random states behind the matrices `chain(i)` of the directions `s`."""
    errors = []
    for i, direction in enumerate(s):
        other = rng.normal(size=3)
        other /= np.linalg.norm(other)
        for state in (other, direction, -direction):
            seen = abs(port @ chain(i) @ spinor(state)) ** 2
            errors.append(abs(seen - (1 + direction @ state) / 2))
    return max(errors)


def test_the_spinors_of_this_file_have_their_bloch_vectors(rng):
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for s in directions(rng):
        np.testing.assert_allclose([(spinor(s).conj() @ sigma @ spinor(s)).real for sigma in pauli], s, atol=1e-14)
    assert abs(np.array([1, 1j]).conj() @ spinor([0, 1, 0])) == pytest.approx(np.sqrt(2), abs=1e-15)


def test_plates_measure_along_the_direction(rng):
    s = directions(rng)
    quarter, half = waveplate_angles(s)
    assert worst(s, lambda i: turned(half[i], 1, -1) @ turned(quarter[i], 1, 1j), rng) < OPTICS
    # In the other order, or with the slow axis for the fast one, they do not: this test can fail.
    assert worst(s, lambda i: turned(quarter[i], 1, 1j) @ turned(half[i], 1, -1), rng) > 0.1
    assert worst(s, lambda i: turned(half[i], 1, -1) @ turned(quarter[i], 1, -1j), rng) > 0.1


def test_plates_with_the_other_sign_stand_as_is_said(rng):
    s = directions(rng)
    quarter, half = waveplate_angles(s)
    assert worst(s, lambda i: turned(half[i], 1, -1) @ turned(quarter[i] + 90, 1, -1j), rng) < OPTICS
    quarter, half = waveplate_angles(s * [1, -1, 1])
    assert worst(s, lambda i: turned(half[i], 1, -1) @ turned(quarter[i], 1, -1j), rng) < OPTICS


def test_the_matrices_of_james_et_al_with_angles_from_vertical(rng):
    s = directions(rng)
    quarter, half = waveplate_angles(s)
    assert worst(s, lambda i: james_half(90 - half[i]) @ james_quarter(90 - quarter[i]), rng) < OPTICS
    # What their product projects on: |<psi_proj|psi>|^2.
    projected = [james_quarter(-q) @ james_half(45 - h) @ V for q, h in zip(quarter, half, strict=True)]
    assert worst(s, lambda i: np.outer(H, projected[i].conj()), rng) < OPTICS


@pytest.mark.parametrize(
    ("state", "h", "q"),
    [
        ([1, 0], 45, 0),
        ([0, 1], 0, 0),
        ([1, 1], 22.5, 45),
        ([1, -1j], 22.5, 0),  # R, as they call it
        ([1, 1j], 22.5, 90),  # L
    ],
)
def test_the_matrices_of_james_et_al_project_on_the_states_of_their_table(state, h, q):
    projected = james_quarter(q) @ james_half(h) @ V
    assert abs(projected.conj() @ np.array(state) / np.linalg.norm(state)) == pytest.approx(1, abs=1e-15)


def test_angles_of_plates_lie_in_their_ranges(rng):
    tiny = np.array([[-1e-300, 0, 1], [0, 1e-300, 1], [-0.0, -0.0, -1.0], [-5e-324, 0, 1], [-1e-16, 0, 1]])
    quarter, half = waveplate_angles(np.concatenate([directions(rng), tiny]))
    assert ((quarter >= 0) & (quarter < 180)).all()
    assert ((half >= 0) & (half < 90)).all()


def test_bloch_angles_are_those_of_settings_files(tmp_path, rng):
    s = directions(rng)
    theta, phi = bloch_angles(s)
    (tmp_path / "angles.csv").write_text(
        "theta_a,phi_a,theta_b,phi_b\n"
        + "".join(f"{t:.17g},{p:.17g},{t:.17g},{p:.17g}\n" for t, p in zip(theta, phi, strict=True))
    )
    np.testing.assert_allclose(
        jl.SettingPairs.from_csv(tmp_path / "angles.csv").a, s, atol=4e-15, rtol=0
    )  # seen 6.2e-16
    assert [float(x[0]) for x in bloch_angles([-0.0, -0.0, -1.0])] == [180, 0]


def test_gates_measure_along_the_direction(rng):
    s = directions(rng)
    rz, ry = gate_angles(s)

    def rotation(t, generator):
        return np.cos(t / 2) * np.eye(2) - 1j * np.sin(t / 2) * np.array(generator)

    def chain(first, second):
        return lambda i: rotation(second[i], [[0, -1j], [1j, 0]]) @ rotation(first[i], [[1, 0], [0, -1]])

    assert worst(s, chain(rz, ry), rng) < OPTICS
    assert worst(s, chain(-rz, ry), rng) > 0.1
    assert worst(s, chain(rz, -ry), rng) > 0.1


def test_the_table_holds_what_the_functions_give_to_the_last_bit(rng):
    s = directions(rng)
    pairs = jl.SettingPairs(s, s[::-1])
    header, *lines = apparatus_csv(pairs).splitlines()
    table = dict(zip(header.split(","), np.array([line.split(",") for line in lines], float).T, strict=True))
    assert len(table) == 18
    for party, vectors in (("a", pairs.a), ("b", pairs.b)):
        np.testing.assert_array_equal(np.stack([table[f"{party}{x}"] for x in "xyz"], axis=1), vectors)
        for names, function in (
            (("theta", "phi"), bloch_angles),
            (("quarter", "half"), waveplate_angles),
            (("rz", "ry"), gate_angles),
        ):
            for name, expected in zip(names, function(vectors), strict=True):
                np.testing.assert_array_equal(table[f"{name}_{party}"], expected)


@pytest.mark.parametrize("function", [bloch_angles, waveplate_angles, gate_angles])
@pytest.mark.parametrize("wrong", [[[0, 0, 2]], [[0, 0]], "up", [[np.nan, 0, 1]], []])
def test_what_is_no_unit_vector_is_refused(function, wrong):
    with pytest.raises(jl.InputError, match=r"^directions must"):
        function(wrong)
