"""The libraries themselves: states of QuTiP and Qiskit, counts of Qiskit's circuits, KwiatLab's own program.

Each test runs where its library is installed (the extra `interop`, and Quantum-Tomography).
"""

import json

import numpy as np
import pytest

import jaxleggett as jl
from jaxleggett.correlation import OUTCOMES
from jaxleggett.experiments import Counts, from_qiskit, gate_angles
from jaxleggett.experiments.formats import read_counts

SAME_STATE = 1e-12  # (r_A, r_B, T) of one state by two ways; worst seen 2.2e-16

WHOLE = 4e-6  # correlators of 10^6 events, each number rounded, against those of the state; worst seen 1.4e-6

TOMOGRAPHY = 1e-5  # correlators of the state that is reconstructed against those of its counts; worst seen 9.0e-7

PSI = np.array([0.2 + 0.5j, 0.1 - 0.4j, 0.6, -0.3 + 0.2j])
PSI = PSI / np.linalg.norm(PSI)
"""No party, no axis and no sign may be exchanged without notice."""

MIXED = 0.6 * np.outer(PSI, PSI.conj()) + np.diag([0.1, 0.2, 0.07, 0.03])


def assert_same(state, other):
    for name in ("r_A", "r_B", "T"):
        np.testing.assert_allclose(getattr(state, name), getattr(other, name), atol=SAME_STATE, rtol=0, err_msg=name)


def directions(rng, number):
    s = rng.normal(size=(number, 3))
    return s / np.linalg.norm(s, axis=1)[:, None]


def test_states_of_qutip():
    qutip = pytest.importorskip("qutip")
    up, down = qutip.basis(2, 0), qutip.basis(2, 1)
    singlet = (qutip.tensor(up, down) - qutip.tensor(down, up)).unit()
    plus_y = (up + 1j * down).unit()
    for form in (lambda ket: ket, lambda ket: ket.proj()):
        assert_same(jl.TwoQubitState.from_density_matrix(form(singlet)), jl.werner())
        product = jl.TwoQubitState.from_density_matrix(form(qutip.tensor(plus_y, down)))
        assert_same(
            product, jl.TwoQubitState(np.array([0, 1, 0]), np.array([0, 0, -1]), np.outer([0, 1, 0], [0, 0, -1]))
        )
    noisy = 0.7 * singlet.proj() + 0.3 * qutip.qeye([2, 2]) / 4
    assert_same(jl.TwoQubitState.from_density_matrix(noisy), jl.werner(0.7))
    mixed = qutip.Qobj(MIXED, dims=[[2, 2], [2, 2]])
    state = jl.TwoQubitState.from_density_matrix(mixed)
    pauli = [qutip.sigmax(), qutip.sigmay(), qutip.sigmaz()]
    T = [[qutip.expect(qutip.tensor(p, q), mixed) for q in pauli] for p in pauli]
    r_A, r_B = ([qutip.expect(part, mixed.ptrace(k)) for part in pauli] for k in (0, 1))
    assert_same(state, jl.TwoQubitState(np.array(r_A), np.array(r_B), np.array(T)))
    with pytest.raises(jl.InputError, match=r"^a density matrix must have shape"):
        jl.TwoQubitState.from_density_matrix(up)


def test_states_of_qiskit():
    info = pytest.importorskip("qiskit.quantum_info")
    from qiskit import QuantumCircuit

    bell = QuantumCircuit(2)
    bell.x([0, 1])
    bell.h(1)
    bell.cx(1, 0)
    # Qubit 1 in |0>, qubit 0 in (|0> + i|1>)/sqrt2.
    product = QuantumCircuit(2)
    product.h(0)
    product.s(0)
    for kind in (info.Statevector, info.DensityMatrix):
        assert_same(jl.TwoQubitState.from_density_matrix(kind(bell)), jl.werner())
        z, y = np.array([0, 0, 1]), np.array([0, 1, 0])
        assert_same(jl.TwoQubitState.from_density_matrix(kind(product)), jl.TwoQubitState(z, y, np.outer(z, y)))
        exchanged = jl.TwoQubitState.from_density_matrix(kind(product).reverse_qargs())
        assert_same(exchanged, jl.TwoQubitState(y, z, np.outer(y, z)))
    mixed = info.DensityMatrix(MIXED)
    state = jl.TwoQubitState.from_density_matrix(mixed)
    # In the name of an operator, too, qubit 1 stands first.
    T = [[mixed.expectation_value(info.Pauli(p + q)).real for q in "XYZ"] for p in "XYZ"]
    r_A, r_B = ([mixed.expectation_value(info.Pauli(p), [k]).real for p in "XYZ"] for k in (1, 0))
    assert_same(state, jl.TwoQubitState(np.array(r_A), np.array(r_B), np.array(T)))
    assert np.abs(np.array(r_A) - r_B).max() > 0.1


def measured(pairs, alice):
    """Statevectors of circuits that turn Alice's qubit and Bob's, after which Z is measured on both."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Statevector

    for (rz_a, ry_a), (rz_b, ry_b) in zip(
        *(np.stack(gate_angles(s), axis=1).tolist() for s in (pairs.a, pairs.b)), strict=True
    ):
        circuit = QuantumCircuit(2)
        for qubit, rz, ry in ((alice, rz_a, ry_a), (1 - alice, rz_b, ry_b)):
            circuit.rz(rz, qubit)
            circuit.ry(ry, qubit)
        yield Statevector(PSI).evolve(circuit)


@pytest.mark.parametrize("alice", [1, 0])
def test_circuits_of_qiskit_give_the_correlators_of_their_state(rng, alice):
    pytest.importorskip("qiskit")
    from qiskit.quantum_info import Statevector
    from qiskit.result import Counts as QiskitCounts

    pairs = jl.SettingPairs(directions(rng, 7), directions(rng, 7))
    psi = Statevector(PSI) if alice == 1 else Statevector(PSI).reverse_qargs()
    expected = jl.TwoQubitState.from_density_matrix(psi).correlation(pairs.a, pairs.b)
    shots = 10**6
    whole = [
        {bits: round(shots * p) for bits, p in seen.probabilities_dict().items()} for seen in measured(pairs, alice)
    ]
    numbers = [{int(bits, 2): n for bits, n in one.items()} for one in whole]
    # Qiskit's own objects, with and without what they may know of their registers.
    forms = [
        [QiskitCounts(one) for one in whole],
        [QiskitCounts(one) for one in numbers],
        [QiskitCounts(one, memory_slots=2) for one in numbers],
        [QiskitCounts(one, creg_sizes=[("b", 1), ("a", 1)], memory_slots=2) for one in numbers],
        [QiskitCounts({hex(n): c for n, c in one.items()}, creg_sizes=[("both", 2)]) for one in numbers],
    ]
    assert {len(key) for one in forms[1] for key in one} == {1, 2}  # "1" without its zero
    assert {len(key) for one in forms[3] for key in one} == {3}  # "0 1"
    for form in (whole, *forms):
        counts = from_qiskit(pairs, form, alice=alice)
        for found, value in zip((counts.M_A, counts.M_B, counts.C), expected, strict=True):
            np.testing.assert_allclose(found, value, atol=WHOLE, rtol=0)
        other = from_qiskit(pairs, form, alice=1 - alice)
        assert np.abs(other.M_A - expected[0]).max() > 0.1
    for three in ({"memory_slots": 3}, {"creg_sizes": [("three", 3)]}):
        with pytest.raises(
            jl.InputError, match=r"^pair 0 of counts must have keys of two bits .*, but has '0[01]{2}'$"
        ):
            from_qiskit(pairs, [QiskitCounts(one, **three) for one in numbers])


def test_samples_of_qiskit_scatter_as_they_should(rng):
    pytest.importorskip("qiskit")
    pairs = jl.SettingPairs(directions(rng, 5), directions(rng, 5))
    shots = 100_000
    samples = []
    for i, seen in enumerate(measured(pairs, 1)):
        seen.seed(i)
        samples.append(seen.sample_counts(shots))
    counts = from_qiskit(pairs, samples)
    M_A, M_B, C = jl.TwoQubitState.from_density_matrix(PSI).correlation(pairs.a, pairs.b)
    P = np.stack([(1 + x * M_A + y * M_B + x * y * C) / 4 for x, y in OUTCOMES], axis=1)
    z = (counts.events - shots * P) / np.sqrt(shots * P * (1 - P))
    assert np.abs(z).max() < 4.5  # worst seen 2.0
    assert counts.events.sum() == 5 * shots


STATES = {"H": [1, 0], "V": [0, 1], "D": [1, 1], "A": [1, -1], "R": [1, "1j"], "L": [1, "-1j"]}

ORTHOGONAL = ("HV", "DA", "RL")


def tomography_file(path, detectors):
    """All nine pairs of x, y and z in KwiatLab's format, with the counts of `MIXED` out of 10^6; and the state."""
    ket = {name: np.array([complex(x) for x in vector]) for name, vector in STATES.items()}
    data = []
    for p, q in ((p, q) for p in ORTHOGONAL for q in ORTHOGONAL):
        for i, j in ((i, j) for i in (0, 1) for j in (0, 1)):
            psi = np.kron(ket[p[i]], ket[q[j]])
            number = round(10**6 * (psi.conj() @ MIXED @ psi).real / (psi.conj() @ psi).real)
            row = {"basis": [p[i], q[j]], "counts": [0, 0, number], "integration_time": 3.5}
            data.append(row | ({"detectors_used": [i, 2 + j]} if detectors == 2 else {}))
    content = {"n_qubits": 2, "n_detectors_per_qubit": detectors, "n_measurements_per_qubit": 6}
    content |= {"coincidence_window": [0]} if detectors == 1 else {}
    path.write_text(json.dumps(content | {"measurement_states": STATES, "data": data}))
    return jl.TwoQubitState.from_density_matrix(MIXED)


@pytest.mark.parametrize("detectors", [1, 2])
def test_the_program_of_kwiatlab_reads_the_same_file_as_the_same_state(tmp_path, capsys, detectors):
    library = pytest.importorskip("QuantumTomography")
    path = tmp_path / "data.json"
    state = tomography_file(path, detectors)
    tomography = library.Tomography()
    tomography.import_data(str(path))
    # The steps of `run_tomography`, which stops with an error where NumPy is 2.4 or newer: accidentals are a column.
    coincidences, projectors, _, accidentals, norms = tomography.filter_data(tomography.tomo_input)
    rho, _, _ = tomography.tomography_MLE(np.eye(4) / 4, coincidences, projectors, accidentals.ravel(), norms)
    capsys.readouterr()  # it prints its progress
    reconstructed = jl.TwoQubitState.from_density_matrix(rho, nearest=True)
    counts = read_counts(path)
    assert len(counts) == 9
    np.testing.assert_array_equal(read_counts(path).counts, counts.counts)
    for found, theirs, exact in zip(
        (counts.M_A, counts.M_B, counts.C),
        reconstructed.correlation(counts.pairs.a, counts.pairs.b),
        state.correlation(counts.pairs.a, counts.pairs.b),
        strict=True,
    ):
        np.testing.assert_allclose(found, exact, atol=WHOLE, rtol=0)
        np.testing.assert_allclose(found, theirs, atol=TOMOGRAPHY, rtol=0)
    # Alice's and Bob's sides differ by far more than that.
    assert np.abs(counts.M_A - counts.M_B).max() > 0.1


def test_counts_go_through_a_file_of_xarray(tmp_path, rng):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    from jaxleggett.experiments import from_xarray, to_xarray

    counts = Counts(jl.SettingPairs(directions(rng, 4), directions(rng, 4)), rng.integers(1, 99, (4, 4)))
    to_xarray(counts).to_zarr(tmp_path / "counts.zarr", consolidated=False)
    with xarray.open_zarr(tmp_path / "counts.zarr", consolidated=False) as dataset:
        found = from_xarray(dataset)
    np.testing.assert_array_equal(found.counts, counts.counts)
    np.testing.assert_array_equal(found.pairs.a, counts.pairs.a)
