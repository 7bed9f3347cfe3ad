"""Layers, losses and optimisers beside PyTorch's; `python -m benchmarks.torch_reference` prints each difference."""

import pytest

pytest.importorskip("torch")

from benchmarks import torch_reference as reference


@pytest.mark.parametrize("group", reference.GROUPS, ids=lambda group: group.__name__)
def test_agrees_with_torch(group, monkeypatch):
    monkeypatch.setattr(reference, "STEPS", 15)
    differences = dict(group())
    assert differences and max(differences.values()) < reference.LIMIT, differences
