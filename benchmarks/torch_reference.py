"""The largest relative differences of layers, losses and optimisers from PyTorch's, in float64. It is run by hand.

    python3 -m venv .venv-torch
    .venv-torch/bin/pip install torch==2.13.0 --editable .
    .venv-torch/bin/python -m benchmarks.torch_reference

The command fails if a difference is above 1e-10.
"""

import sys

import numpy as np
import torch
from torch.nn import functional

from evaluators.gradient import Tensor, losses, nn, optim
from evaluators.gradient.tensor import operations

LIMIT = 1e-10
STEPS = 200
GENERATOR = np.random.default_rng(0)


def difference(ours, theirs):
    """Return the largest difference, relative to the largest value."""
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(abs(ours - theirs).max() / max(abs(theirs).max(), 1e-300))


def normal(*shape):
    return GENERATOR.normal(size=shape)


def both(array):
    """Return the array as our tensor and as PyTorch's, both with gradients."""
    return Tensor(array, True, np.float64), torch.tensor(array, requires_grad=True)


def compare(ours, theirs, pairs):
    """Return the largest difference of the outputs and of all gradients of a weighted sum of the outputs."""
    weight = normal(*ours.shape)
    (ours * weight).sum().backward()
    (theirs * torch.tensor(weight)).sum().backward()
    return max(difference(ours.data, theirs), *(difference(a.grad, b.grad) for a, b in pairs))


def layers():
    for stride, padding in ((1, 0), (2, 1), ((2, 1), 2), (3, "valid"), (1, "same")):
        x, w, b = (both(normal(*shape)) for shape in ((3, 4, 9, 8), (5, 4, 3, 3), (5,)))
        pair = stride if isinstance(stride, tuple) else (stride, stride)
        ours = operations.conv2d(x[0], w[0], b[0], pair, padding)
        yield (
            f"conv2d, {stride}, {padding}",
            compare(ours, functional.conv2d(x[1], w[1], b[1], stride, padding), (x, w, b)),
        )
    for window, stride, padding in ((2, 2, 0), (3, 2, 1), (3, 1, 0)):
        x = both(normal(3, 4, 9, 8))
        ours = nn.MaxPool2d(window, stride, padding)(x[0])
        theirs = functional.max_pool2d(x[1], window, stride, padding)
        yield f"max_pool2d, {window}, {stride}, {padding}", compare(ours, theirs, (x,))
        x = both(normal(3, 4, 9, 8))
        ours = nn.AveragePool2d(window, stride, padding)(x[0])
        theirs = functional.avg_pool2d(x[1], window, stride, padding, count_include_pad=False)
        yield f"average_pool2d, {window}, {stride}, {padding}", compare(ours, theirs, (x,))
    x, w, b = both(normal(6, 4)), both(normal(4, 3)), both(normal(3))
    yield "dense", compare(operations.dense(x[0], w[0], b[0]), x[1] @ w[1] + b[1], (x, w, b))
    for name in ("sigmoid", "tanh", "relu", "elu", "selu", "softplus", "identity"):
        x = both(normal(40, 5) * 3)
        theirs = x[1] * 1 if name == "identity" else getattr(functional, name)(x[1])
        yield name, compare(operations.activate(name, x[0]), theirs, (x,))
    for name in ("softmax", "log_softmax"):
        x = both(normal(4, 5) * 3)
        yield name, compare(getattr(operations, name)(x[0]), getattr(functional, name)(x[1], -1), (x,))


def arrays():
    """Index, gather, multiply vectors and take powers, as with arrays."""
    for index in (
        [2, 0, 2],
        ([1, 3, 1], [-1, 0, 2]),
        (slice(None), [[0, 0], [2, 1]]),
        (None, 1, slice(0, 2)),
    ):
        x = both(normal(4, 3))
        yield f"index {index}", compare(x[0][index], x[1][index], (x,))
    x = both(normal(4, 3))
    yield "mask", compare(x[0][x[0].data > 0], x[1][x[1] > 0], (x,))
    for axis, index in ((0, [[0, 0, 2], [1, 1, 1]]), (1, [[2, 0], [1, 1], [0, 0], [2, 2]])):
        x = both(normal(4, 3))
        theirs = torch.gather(x[1], axis, torch.tensor(index))
        yield f"gather, axis {axis}", compare(operations.gather(x[0], index, axis), theirs, (x,))
    for shapes in (((3,), (3,)), ((3,), (3, 5)), ((4, 3), (3,)), ((3,), (2, 3, 5)), ((2, 4, 3), (3,))):
        a, b = (both(normal(*shape)) for shape in shapes)
        yield f"matmul {shapes}", compare(a[0] @ b[0], a[1] @ b[1], (a, b))
    a, b = both(abs(normal(4, 3))), both(normal(3))
    yield "power", compare(a[0] ** b[0], a[1] ** b[1], (a, b))
    b = both(normal(3))
    yield "power of a number", compare(2.0 ** b[0], 2.0 ** b[1], (b,))


def batch_norm():
    for theirs, shape in ((torch.nn.BatchNorm1d(4), (7, 4)), (torch.nn.BatchNorm2d(4), (3, 4, 5, 2))):
        theirs, ours = theirs.double(), nn.BatchNorm(4, decay=0.9).to(dtype=np.float64)
        with torch.no_grad():
            for mine, other in ((ours.scale, theirs.weight), (ours.shift, theirs.bias)):
                mine.data = normal(4)
                other.copy_(torch.tensor(mine.data))
        worst = 0.0
        for _ in range(5):
            x = both(normal(*shape) * 2 + 1)
            pairs = x, (ours.scale, theirs.weight), (ours.shift, theirs.bias)
            worst = max(worst, compare(ours(x[0]), theirs(x[1]), pairs))
        worst = max(worst, difference(ours.running_mean, theirs.running_mean))
        worst = max(worst, difference(ours.running_variance, theirs.running_var))
        yield f"batch_norm in training, {len(shape)} axes", worst
        x = both(normal(*shape))
        pairs = x, (ours.scale, theirs.weight), (ours.shift, theirs.bias)
        yield (
            f"batch_norm in evaluation, {len(shape)} axes",
            compare(ours.eval()(x[0]), theirs.eval()(x[1]), pairs),
        )


def all_losses():
    labels, soft, weight = (
        GENERATOR.integers(0, 4, 9),
        GENERATOR.dirichlet(np.ones(4), 9),
        np.array([1, 0.2, 3, 0.7]),
    )
    targets, unit = normal(9, 4), GENERATOR.uniform(size=(9, 4))
    t = torch.tensor
    cases = {
        "mean_squared": (
            lambda z: losses.mean_squared(z, targets),
            lambda z: functional.mse_loss(z, t(targets)),
        ),
        "mean_absolute": (
            lambda z: losses.mean_absolute(z, targets),
            lambda z: functional.l1_loss(z, t(targets)),
        ),
        "huber": (
            lambda z: losses.huber(z, targets, 0.7),
            lambda z: functional.huber_loss(z, t(targets), delta=0.7),
        ),
        "softmax_cross_entropy, labels": (
            lambda z: losses.softmax_cross_entropy(z, labels),
            lambda z: functional.cross_entropy(z, t(labels)),
        ),
        "softmax_cross_entropy, class weights": (
            lambda z: losses.softmax_cross_entropy(z, labels, class_weights=weight),
            lambda z: functional.cross_entropy(z, t(labels), t(weight)),
        ),
        "softmax_cross_entropy, soft": (
            lambda z: losses.softmax_cross_entropy(z, soft),
            lambda z: functional.cross_entropy(z, t(soft)),
        ),
        "kl_divergence": (
            lambda z: losses.kl_divergence(z, soft),
            lambda z: functional.kl_div(functional.log_softmax(z, -1), t(soft), reduction="batchmean"),
        ),
        "binary_cross_entropy": (
            lambda z: losses.binary_cross_entropy(z, unit),
            lambda z: functional.binary_cross_entropy_with_logits(z, t(unit)),
        ),
    }
    for name, (ours, theirs) in cases.items():
        z = both(normal(9, 4) * 3)
        yield name, compare(ours(z[0]), theirs(z[1]), (z,))


def optimisers():
    # The loss is convex. On other losses, steps amplify rounding errors.
    make = {
        "SGD": (lambda p, e: optim.SGD(p, 0.05), lambda p, e: torch.optim.SGD(p, 0.05)),
        "momentum": (
            lambda p, e: optim.SGD(p, 0.05, 0.9, weight_decay=0.1),
            lambda p, e: torch.optim.SGD(p, 0.05, 0.9, weight_decay=0.1),
        ),
        "Nesterov": (
            lambda p, e: optim.SGD(p, 0.05, 0.9, nesterov=True),
            lambda p, e: torch.optim.SGD(p, 0.05, 0.9, nesterov=True),
        ),
        "Adagrad": (
            lambda p, e: optim.Adagrad(p, 0.05, e),
            lambda p, e: torch.optim.Adagrad(p, 0.05, eps=e),
        ),
        "Adadelta": (
            lambda p, e: optim.Adadelta(p, 1.0, 0.9, e),
            lambda p, e: torch.optim.Adadelta(p, 1.0, 0.9, e),
        ),
        "RMSprop": (
            lambda p, e: optim.RMSprop(p, 0.01, 0.99, e),
            lambda p, e: torch.optim.RMSprop(p, 0.01, 0.99, e),
        ),
        "RMSprop, momentum": (
            lambda p, e: optim.RMSprop(p, 0.01, 0.99, e, momentum=0.5),
            lambda p, e: torch.optim.RMSprop(p, 0.01, 0.99, e, momentum=0.5),
        ),
        "Adam": (lambda p, e: optim.Adam(p, 0.05, epsilon=e), lambda p, e: torch.optim.Adam(p, 0.05, eps=e)),
        "AMSGrad": (
            lambda p, e: optim.Adam(p, 0.05, epsilon=e, amsgrad=True),
            lambda p, e: torch.optim.Adam(p, 0.05, eps=e, amsgrad=True),
        ),
        "AdamW": (
            lambda p, e: optim.AdamW(p, 0.05, epsilon=e, weight_decay=0.1),
            lambda p, e: torch.optim.AdamW(p, 0.05, eps=e, weight_decay=0.1),
        ),
    }
    for name, (ours, theirs) in make.items():
        for epsilon in (1e-8, 1e-3):
            for decaying in (False, True):
                pairs = [both(normal(*shape)) for shape in ((5,), (2, 3))]
                mine = ours([a for a, _ in pairs], epsilon)
                other = theirs([b for _, b in pairs], epsilon)
                base = mine.learning_rate
                for step in range(STEPS):
                    if decaying:
                        mine.learning_rate = other.param_groups[0]["lr"] = base / (1 + 0.1 * step)
                    mine.zero_grad()
                    other.zero_grad()
                    for a, b in pairs:
                        (operations.activate("cos", a + step) + a * a).sum().backward()
                        (torch.cos(b + step) + b * b).sum().backward()
                    mine.step()
                    other.step()
                kind = "decaying" if decaying else "constant"
                yield f"{name}, epsilon {epsilon:g}, {kind}", max(difference(a.data, b) for a, b in pairs)


GROUPS = (layers, arrays, batch_norm, all_losses, optimisers)


def main():
    """Print a line for each comparison."""
    worst = 0.0
    for group in GROUPS:
        for name, value in group():
            worst = max(worst, value)
            print(f"{value:.1e}  {name}")
    print(f"PyTorch {torch.__version__}: the largest difference is {worst:.1e}")
    if not worst <= LIMIT:
        sys.exit(f"above {LIMIT:g}")


if __name__ == "__main__":
    main()
