"""The optimisers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from evaluators.gradient.checks import check_flag, check_fraction, check_non_negative
from evaluators.gradient.optim.optimiser import Optimiser, Rate, Setting
from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.tensor import Tensor
from neat.support.messages import quote


def _check_momentum(name: str, value: Any) -> Any:
    return value if callable(value) else check_fraction(name, value)


def _values(members: Sequence[Tensor]) -> Any:
    return namespace(members[0]._data).concatenate([p._data.ravel() for p in members])


class SGD(Optimiser):
    """Gradient descent: b ← μ b + g, w ← w − η b; with Nesterov's momentum, w ← w − η (g + μ b).

    The buffer b does not contain the rate, so that a new rate applies at once (Sutskever et al. 2013, as in PyTorch).

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        momentum: μ, at least 0 and below 1, or a schedule of it. Setting it to 0 deletes b.
        nesterov: Whether to use Nesterov's momentum; needs `momentum` above 0.
        weight_decay: λ; λ w is added to the gradient.
    """

    __slots__ = ()

    momentum = Setting(_check_momentum)
    nesterov = Setting(check_flag)
    weight_decay = Setting(check_non_negative)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: Rate,
        momentum: Rate = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def _check_settings(self, settings: dict[str, Any]) -> None:
        if settings.get("nesterov") and not settings["momentum"]:
            raise ValueError("nesterov: needs momentum above 0, got 0")

    @property
    def averages(self) -> tuple[str, ...]:  # type: ignore[override]
        """The name of the buffer if there is momentum."""
        return ("buffer",) if self.momentum else ()

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        if self.weight_decay:
            gradient += self.weight_decay * _values(members)
        if vectors:
            (buffer,) = vectors
            momentum = self.momentum_at(self.steps - 1)  # `step` has counted this step
            buffer *= momentum
            buffer += gradient
            gradient = gradient + momentum * buffer if self.nesterov else buffer
        return rate * gradient


class Adagrad(Optimiser):
    """Adagrad: s ← s + g², w ← w − η g / (sqrt(s) + ε) (Duchi, Hazan and Singer 2011, Figure 1, diagonal).

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        epsilon: ε.
    """

    __slots__ = ()

    squares = averages = ("sum",)
    epsilon = Setting(check_non_negative)

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: Rate = 0.01, epsilon: float = 1e-10
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.epsilon = epsilon

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        (total,) = vectors
        total += gradient * gradient
        gradient /= self._xp.sqrt(total) + self.epsilon
        gradient *= rate
        return gradient


class Adadelta(Optimiser):
    """Adadelta: E ← ρ E + (1 − ρ) g², d = sqrt(D + ε) / sqrt(E + ε) g, D ← ρ D + (1 − ρ) d², w ← w − η d.

    The source is Zeiler 2012, Algorithm 1, where η is 1.

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        decay: ρ.
        epsilon: ε.
    """

    __slots__ = ()

    squares = averages = ("square", "change")
    decay = Setting(check_fraction)
    epsilon = Setting(check_non_negative)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: Rate = 1.0,
        decay: float = 0.9,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.decay, self.epsilon = decay, epsilon

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        square, change = vectors
        square *= self.decay
        square += (1 - self.decay) * gradient * gradient
        gradient *= self._xp.sqrt((change + self.epsilon) / (square + self.epsilon))
        change *= self.decay
        change += (1 - self.decay) * gradient * gradient
        gradient *= rate
        return gradient


class RMSprop(Optimiser):
    """RMSprop: v ← ρ v + (1 − ρ) g², w ← w − η g / (sqrt(v) + ε) (Tieleman and Hinton 2012, lecture 6.5).

    With momentum, b ← μ b + g / (sqrt(v) + ε) and w ← w − η b, as in PyTorch.

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        decay: ρ.
        epsilon: ε.
        epsilon_inside: Whether to divide by sqrt(v + ε) instead.
        momentum: μ, at least 0 and below 1, or a schedule of it. Setting it to 0 deletes b.
    """

    __slots__ = ()

    squares = ("square",)
    decay = Setting(check_fraction)
    epsilon = Setting(check_non_negative)
    epsilon_inside = Setting(check_flag)
    momentum = Setting(_check_momentum)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: Rate = 0.01,
        decay: float = 0.99,
        epsilon: float = 1e-8,
        epsilon_inside: bool = False,
        momentum: Rate = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.decay, self.epsilon, self.epsilon_inside = decay, epsilon, epsilon_inside
        self.momentum = momentum

    @property
    def averages(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the mean square, and of the buffer if there is momentum."""
        return ("square", "buffer") if self._settings.get("momentum") else ("square",)

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        square, *buffers = vectors
        square *= self.decay
        square += (1 - self.decay) * gradient * gradient
        sqrt = self._xp.sqrt
        gradient /= sqrt(square + self.epsilon) if self.epsilon_inside else sqrt(square) + self.epsilon
        for buffer in buffers:
            buffer *= self.momentum_at(self.steps - 1)
            buffer += gradient
            gradient[...] = buffer
        gradient *= rate
        return gradient


def _check_betas(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name}: expected two numbers, got {quote(value)}")
    return check_fraction(name, value[0]), check_fraction(name, value[1])


class Adam(Optimiser):
    """Adaptive moments (Kingma and Ba 2015), in both of the paper's formulations.

    Both have m ← β1 m + (1 − β1) g and v ← β2 v + (1 − β2) g². In Algorithm 1, w ← w − η m̂ / (sqrt(v̂) + ε) with
    m̂ = m / (1 − β1^t) and v̂ = v / (1 − β2^t). In the formulation just before Section 2.1,
    w ← w − η_t m / (sqrt(v) + ε̂) with η_t = η sqrt(1 − β2^t) / (1 − β1^t). They are equal if ε̂ = ε sqrt(1 − β2^t).
    t is the number of the optimiser's steps, including those in which a parameter was frozen.

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        betas: β1 and β2.
        epsilon: ε of Algorithm 1.
        epsilon_hat: ε̂ of the other formulation, which then replaces Algorithm 1.
        amsgrad: Whether to divide by the greatest v so far (Reddi, Kale and Kumar 2018, Algorithm 2), with the bias
            corrections, as in PyTorch.
    """

    __slots__ = ()

    betas = Setting(_check_betas)
    amsgrad = Setting(check_flag)
    epsilon = Setting(check_non_negative)
    epsilon_hat = Setting(lambda name, value: None if value is None else check_non_negative(name, value))

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        epsilon_hat: float | None = None,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.betas, self.epsilon, self.epsilon_hat = betas, epsilon, epsilon_hat
        self.amsgrad = amsgrad

    @property
    def squares(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the mean square, and of its greatest value so far with `amsgrad`."""
        return ("square", "greatest") if self._settings.get("amsgrad") else ("square",)

    @property
    def averages(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the mean and of `squares`."""
        return ("mean", *self.squares)

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        mean, square, *greatest = vectors
        beta1, beta2 = self.betas
        mean *= beta1
        mean += (1 - beta1) * gradient
        gradient *= gradient
        gradient *= 1 - beta2
        square *= beta2
        square += gradient
        for peak in greatest:
            square = self._xp.maximum(peak, square, out=peak)
        factor, epsilon_hat = self.correct(self.steps, rate)
        divisor = self._xp.sqrt(square, out=gradient)
        divisor += epsilon_hat
        change = self._xp.divide(mean, divisor, out=divisor)
        change *= factor
        return change

    def correct(self, step: int, rate: float) -> tuple[float, float]:
        """Return η_t and ε̂ of step t, from 1, with the rate η."""
        beta1, beta2 = self.betas
        correction = math.sqrt(1 - beta2**step)
        epsilon_hat = self.epsilon * correction if self.epsilon_hat is None else self.epsilon_hat
        return rate * correction / (1 - beta1**step), epsilon_hat


class AdamW(Adam):
    """Adam with decoupled weight decay: it also subtracts η λ w (Loshchilov and Hutter 2019, Algorithm 2).

    The rate η multiplies λ, as in PyTorch; in the paper, only the schedule's factor does.

    Args:
        parameters: See Optimiser.
        learning_rate: η.
        betas: See Adam.
        epsilon: See Adam.
        weight_decay: λ.
        amsgrad: See Adam.
    """

    __slots__ = ()

    weight_decay = Setting(check_non_negative)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, epsilon, amsgrad=amsgrad)
        self.weight_decay = weight_decay

    def _change(self, gradient: Any, members: Sequence[Tensor], rate: float, *vectors: Any) -> Any:
        change = super()._change(gradient, members, rate, *vectors)
        change += rate * self.weight_decay * _values(members)
        return change
