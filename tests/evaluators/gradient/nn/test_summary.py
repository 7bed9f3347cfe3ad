"""The summary of a model counts parameters, multiplications, and the bytes that a forward pass keeps."""

import tracemalloc

import numpy as np
import pytest

from evaluators.gradient import Tensor, nn
from evaluators.gradient.nn import initialisation
from tests.support.refusals import refuses


def test_summary():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same"),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(4 * 4 * 4, 10),
    )
    table = nn.summary(model, (1, 8, 8))
    assert [(row.path, row.kind) for row in table.rows] == [
        ("layers.0", "Conv2d"),
        ("layers.1", "MaxPool2d"),
        ("layers.2", "Flatten"),
        ("layers.3", "Dense"),
    ]
    assert table.rows[0].output == (4, 8, 8)
    assert [row.parameters for row in table.rows] == [40, 0, 0, 650]
    assert [row.multiplications for row in table.rows] == [36 * 64, 0, 0, 640]
    # A layer needs its parameters twice, with their gradients, and keeps its inputs and outputs once between them.
    images, filtered, pooled = 32 * 64, 32 * 4 * 64, 32 * 4 * 16
    assert table.rows[0].bytes == 4 * (2 * 40 + images + filtered)
    assert table.rows[1].bytes == 4 * (pooled + pooled)  # and the positions of the largest, int32
    assert table.rows[2].bytes == 0  # a view
    assert table.rows[3].bytes == 4 * (2 * 650 + 32 * 10)
    assert table.total.bytes == sum(row.bytes for row in table.rows)
    assert table.total.parameters == 690
    assert table.total.multiplications == 36 * 64 + 640
    assert str(table).splitlines()[0].split() == [
        "layer",
        "kind",
        "output",
        "parameters",
        "multiplications",
        "bytes",
    ]
    assert model.training
    with refuses("conv2d: input of shape (32, 2, 8, 8) does not fit weight of shape (4, 1, 3, 3)"):
        nn.summary(model, (2, 8, 8))
    with refuses("batch: expected an integer from 1 to"):
        nn.summary(model, (1, 8, 8), batch=0)


def test_a_summary_counts_parameters_that_belong_to_no_row():
    class Scaled(nn.Module):
        def __init__(self):
            self.layer, self.unused = nn.Dense(3, 3), nn.Dense(3, 2)
            self.scale = nn.Parameter((3,), initialisation.filled(1.0))

        def forward(self, x):
            return self.layer(x) * self.scale

    model = Scaled()
    table = nn.summary(model, (3,))
    assert [row.parameters for row in table.rows] == [12]
    assert table.total.parameters == 12 + 8 + 3
    frozen = nn.summary(model.freeze(), (3,))
    assert frozen.total.parameters == 12 + 8 + 3
    assert table.total.bytes >= table.rows[0].bytes + 2 * 4 * (8 + 3)


@pytest.mark.parametrize("batch", [8, 64])
def test_summary_counts_what_a_forward_pass_keeps(batch):
    """Compare with the memory that Python's allocator sees."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm(8), nn.Activation("elu"), nn.AveragePool2d(2), nn.Dropout(0.3)),
        *(nn.Conv2d(8, 4, 3, padding="same"), nn.MaxPool2d(2), nn.Flatten(), nn.Dense(4 * 8 * 8, 40)),
    ).initialise(0)
    images = np.ones((batch, 3, 34, 34), np.float32)
    parameters = sum(p.data.nbytes for p in model.parameters())
    model(images)  # compiles
    tracemalloc.start()
    try:
        output = model(Tensor(images))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    before = model.state()
    found = nn.summary(model, (3, 34, 34), batch)
    assert found.total.bytes - 2 * parameters == pytest.approx(kept, rel=0.03)
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])
    assert model.training and output.requires_grad
