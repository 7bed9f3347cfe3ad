"""The published formulas of optimisers, written out step by step, beside the optimisers themselves."""

import numpy as np

from evaluators.gradient import optim
from evaluators.gradient.tensor import operations

START = np.random.default_rng(0).normal(size=12)
STEPS = 200


def slope(w, t):
    """Return the gradient of a loss that changes with the step. It is convex, so that rounding errors do not grow."""
    return np.sin(w + t) / 2 + w + 0.1 * np.cos(t)


def loss_of(parameters, t):
    """Return the loss whose gradient is `slope`."""
    total = 0.0
    for w in parameters:
        total = total - operations.activate("cos", w + t).sum() / 2 + (w * w).sum() / 2
        total = total + 0.1 * np.cos(t) * w.sum()
    return total


def plain_sgd(w, rate, epsilon, mu=0.0, nesterov=False, decay=0.0):
    b = np.zeros_like(w)
    for t in range(STEPS):
        g = slope(w, t) + decay * w
        b = mu * b + g
        w = w - rate(t) * (g + mu * b if nesterov else b)
    return w


def plain_adagrad(w, rate, epsilon):
    s = np.zeros_like(w)
    for t in range(STEPS):
        g = slope(w, t)
        s = s + g**2
        w = w - rate(t) * g / (np.sqrt(s) + epsilon)
    return w


def plain_adadelta(w, rate, epsilon):
    e, d = np.zeros_like(w), np.zeros_like(w)
    for t in range(STEPS):
        g = slope(w, t)
        e = 0.9 * e + 0.1 * g**2
        change = np.sqrt(d + epsilon) / np.sqrt(e + epsilon) * g
        d = 0.9 * d + 0.1 * change**2
        w = w - rate(t) * change
    return w


def plain_rmsprop(w, rate, epsilon, inside=False, mu=0.0):
    v, b = np.zeros_like(w), np.zeros_like(w)
    for t in range(STEPS):
        g = slope(w, t)
        v = 0.99 * v + 0.01 * g**2
        b = mu * b + g / (np.sqrt(v + epsilon) if inside else np.sqrt(v) + epsilon)
        w = w - rate(t) * b
    return w


def plain_amsgrad(w, rate, epsilon, decay=0.0):
    m, v, greatest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = slope(w, t - 1)
        w = w - rate(t - 1) * decay * w
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        greatest = np.maximum(greatest, v)
        w = w - rate(t - 1) * (m / (1 - 0.9**t)) / (np.sqrt(greatest / (1 - 0.999**t)) + epsilon)
    return w


def plain_adam(w, rate, epsilon, decay=0.0, hat=None):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = slope(w, t - 1)
        w = w - rate(t - 1) * decay * w
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        if hat is None:
            w = w - rate(t - 1) * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + epsilon)
        else:
            w = w - rate(t - 1) * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + hat)
    return w


OPTIMISERS = {
    "SGD": (lambda p, r, e: optim.SGD(p, r), plain_sgd),
    "SGD, decay": (
        lambda p, r, e: optim.SGD(p, r, weight_decay=0.1),
        lambda w, r, e: plain_sgd(w, r, e, decay=0.1),
    ),
    "momentum": (lambda p, r, e: optim.SGD(p, r, 0.9), lambda w, r, e: plain_sgd(w, r, e, 0.9)),
    "Nesterov": (
        lambda p, r, e: optim.SGD(p, r, 0.9, nesterov=True, weight_decay=0.01),
        lambda w, r, e: plain_sgd(w, r, e, 0.9, True, 0.01),
    ),
    "Adagrad": (lambda p, r, e: optim.Adagrad(p, r, epsilon=e), plain_adagrad),
    "Adadelta": (lambda p, r, e: optim.Adadelta(p, r, epsilon=e), plain_adadelta),
    "RMSprop": (lambda p, r, e: optim.RMSprop(p, r, epsilon=e), plain_rmsprop),
    "RMSprop, inside": (
        lambda p, r, e: optim.RMSprop(p, r, epsilon=e, epsilon_inside=True),
        lambda w, r, e: plain_rmsprop(w, r, e, True),
    ),
    "RMSprop, momentum": (
        lambda p, r, e: optim.RMSprop(p, r, epsilon=e, momentum=0.5),
        lambda w, r, e: plain_rmsprop(w, r, e, mu=0.5),
    ),
    "Adam": (lambda p, r, e: optim.Adam(p, r, epsilon=e), plain_adam),
    "AMSGrad": (lambda p, r, e: optim.Adam(p, r, epsilon=e, amsgrad=True), plain_amsgrad),
    "AMSGrad, decay": (
        lambda p, r, e: optim.AdamW(p, r, epsilon=e, weight_decay=0.1, amsgrad=True),
        lambda w, r, e: plain_amsgrad(w, r, e, 0.1),
    ),
    "Adam, epsilon hat": (
        lambda p, r, e: optim.Adam(p, r, epsilon_hat=e),
        lambda w, r, e: plain_adam(w, r, None, hat=e),
    ),
    "AdamW": (
        lambda p, r, e: optim.AdamW(p, r, epsilon=e, weight_decay=0.1),
        lambda w, r, e: plain_adam(w, r, e, 0.1),
    ),
}


def parameters_of(tensor):
    """Return START in three tensors."""
    return [tensor(START[:5]), tensor(START[5:6]), tensor(START[6:].reshape(2, 3))]


def train(optimiser, steps=STEPS, first=0):
    """Take steps by the gradient of `loss_of`, the first of which has this number."""
    for t in range(first, first + steps):
        optimiser.zero_grad()
        loss_of(optimiser.parameters, t).backward()
        optimiser.step()


def joined(parameters, host):
    """Return the values of parameters in one array of numpy."""
    return np.concatenate([host(p).ravel() for p in parameters])
