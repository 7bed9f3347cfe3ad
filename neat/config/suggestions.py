"""Suggest settings for a task from what its evaluator knows."""

from __future__ import annotations

from typing import Any

_STEP = 0.2  # of a mutated weight; about half the spread of initial ones where there are six inputs


def settings_for_data(num_inputs: int) -> dict[str, Any]:
    """Return settings for a data set with standardised inputs, and with logits or standardised values as outputs.

    Weights and biases begin at the scale that keeps a node's sum near 1 (LeCun et al. 1998, section 4.6). Most
    mutations are small beside them; one in ten replaces a weight. `python -m benchmarks friedman1` measures these
    settings.

    Args:
        num_inputs: The number of inputs.
    """
    initial = {"spread": num_inputs**-0.5}
    step = {"power": _STEP}
    return {
        "genome": {
            "activation": "tanh",
            "output_activation": "identity",
            "weight": dict(initial),
            "bias": dict(initial),
        },
        "mutation": {"weight": dict(step), "bias": dict(step)},
    }
