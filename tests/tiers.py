"""The two tiers of the suite: `make test` runs what is not marked as slow, `make test-slow` runs the rest."""

import pytest


def slow(*values):
    """Return parameters of a test that run in the second tier only. Each of `values` is one parameter, or a tuple of several."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow) for value in values
    ]
