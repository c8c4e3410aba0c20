"""How samples are cut into chunks."""

import pytest

from jaxleggett.kernels.plan import CHUNK, Plan


@pytest.mark.parametrize("method", ["mc", "rqmc"])
@pytest.mark.parametrize("samples", [1, 2, 15, 16, 17, 1000, 10007, 10**5, 10**6, 4 * 10**6, 999983])
def test_plans_keep_their_word(method, samples):
    plan = Plan.of(samples, method)
    assert plan.num_samples == plan.batches * plan.chunks_per_batch * plan.chunk
    assert samples <= plan.num_samples <= max(16, 1.04 * samples + 16)
    assert plan.chunk <= CHUNK
    assert plan.batches == 16 if method == "rqmc" else plan.batches >= 2
    if method == "mc" and samples >= 1000:
        assert plan.batches >= 100


def test_round_numbers_are_not_rounded():
    for samples in (10**4, 10**5, 10**6, 4 * 10**6, 10**8):
        assert Plan.of(samples, "mc").num_samples == samples
        assert Plan.of(samples, "rqmc").num_samples == samples
