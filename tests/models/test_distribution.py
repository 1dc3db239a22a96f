import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.distribution import GRID, Calibrator, Residuals

finite = st.floats(-50, 50, allow_nan=False)
samples = arrays(np.float64, st.integers(1, 400), elements=finite)


@given(samples)
def test_quantiles_rise_with_their_level(sample: np.ndarray) -> None:
    residuals = Residuals.fit(sample)
    assert np.all(np.diff(residuals.z) >= 0)
    assert residuals.quantile(0.05) <= residuals.quantile(0.5) <= residuals.quantile(0.95)


@given(samples, finite, finite)
def test_the_chance_to_exceed_a_value_falls_as_the_value_rises(
    sample: np.ndarray, a: float, b: float
) -> None:
    residuals = Residuals.fit(sample)
    low, high = sorted((a, b))
    assert 0.0 < residuals.above(high) <= residuals.above(low) < 1.0


@given(st.integers(5, 300))
def test_few_residuals_give_wider_intervals_than_their_plain_quantiles(n: int) -> None:
    sample = np.linspace(-1, 1, n)
    residuals = Residuals.fit(sample)
    plain = np.quantile(sample, (np.arange(GRID) + 0.5) / GRID)
    assert residuals.quantile(0.9) >= np.interp(0.9, (np.arange(GRID) + 0.5) / GRID, plain) - 1e-12


def test_the_atoms_of_a_symmetric_error_lie_around_the_forecast() -> None:
    residuals = Residuals.fit(np.linspace(-1, 1, 401))
    atoms = residuals.atoms(np.log([10.0]), np.array([0.2]))
    assert atoms.shape == (1, GRID)
    assert np.median(atoms) == pytest.approx(10.0, rel=1e-3)
    assert atoms.min() > 8.0
    assert atoms.max() < 12.3


def test_no_residual_is_no_distribution() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Residuals.fit(np.array([]))


def test_a_calibration_follows_a_market_that_has_moved() -> None:
    rng = np.random.default_rng(0)
    calibrator = Calibrator(rng.normal(size=3000))
    before = calibrator.residuals.quantile(0.5)
    for _ in range(40):
        calibrator.add(rng.normal(-1.0, 2.0, 50))
    after = calibrator.residuals
    assert abs(before) < 0.1
    assert after.quantile(0.5) < -0.5
    assert after.quantile(0.95) - after.quantile(0.05) > 4.0


def test_a_calibration_waits_for_enough_outcomes_and_passes_over_what_is_no_number() -> None:
    calibrator = Calibrator(np.linspace(-1, 1, 500))
    first = calibrator.residuals
    calibrator.add(np.full(Calibrator.STEP - 1, 9.0))
    calibrator.add(np.array([np.nan, np.inf]))
    assert calibrator.residuals is first
    calibrator.add(np.array([9.0]))
    assert calibrator.residuals is not first
