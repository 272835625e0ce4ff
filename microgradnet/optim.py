"""Move parameters against their gradients.

>>> from microgradnet import Value
>>> x = Value(3.0)
>>> optimizer = SGD([x], lr=0.1)
>>> for _ in range(50):
...     optimizer.zero_grad()
...     loss = x * x
...     loss.backward()
...     optimizer.step()
>>> round(x.data, 4)
0.0

`lr` is a number, or a function from the number of steps already taken to one:
`SGD(parameters, lr=lambda step: 1.0 - 0.9 * step / 100)`. The rules are PyTorch's, to the letter.
BFGS needs no rate, and no batches: it minimises a function of up to a few hundred parameters.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from microgradnet.bfgs import BFGS
from microgradnet.engine import Value, assign, check_gradients, end_walks, forget
from microgradnet.errors import is_real, wrong
from microgradnet.parameters import leaves, not_negative, values

__all__ = ["BFGS", "SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm", "clip_grad_value"]

Rate = float | Callable[[int], float]


class Optimizer:
    """What optimisers share: the parameters, each once, the learning rate and the step count."""

    def __init__(self, parameters: Iterable[Value], lr: Rate, weight_decay: float = 0.0) -> None:
        self.parameters = leaves("an optimizer", parameters)
        not_negative(lr=0.0 if callable(lr) else lr, weight_decay=weight_decay)
        self.lr = lr if callable(lr) else float(lr)
        self.weight_decay = float(weight_decay)
        self.steps = 0

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        if not callable(self.lr):
            return self.lr
        rate = self.lr(self.steps)
        if not is_real(rate):
            rule = "a function of the step that returns a number"
            raise wrong("lr", rule, rate, "end it with return", TypeError)
        return float(rate)

    def step(self) -> None:
        """Move every parameter once; after an error, or Ctrl-C, none is moved."""
        end_walks(self.parameters)
        before, numbers = vars(self).copy(), [p.data for p in self.parameters]
        try:
            new = self.moved(numbers, [p.grad for p in self.parameters])
            for p, data in zip(self.parameters, new, strict=True):
                p.data = data
            self.steps += 1
        except BaseException as error:
            vars(self).update(before)
            assign(self.parameters, data=numbers)
            if isinstance(error, TypeError):
                check_gradients("step()", self.parameters)
            raise

    def moved(self, numbers: list[float], gradients: list[float]) -> list[float]:
        """Return where the next step takes the numbers, and remember what the rule needs.

        What is remembered becomes a new list, and no list is changed: so a step can be undone.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule; define moved()")

    def zero_grad(self) -> None:
        """Set the grad of every parameter to 0: backward() adds to what is there."""
        forget(self.parameters)


class SGD(Optimizer):
    """Stochastic gradient descent: p -= lr * grad, with momentum, Nesterov's and weight decay."""

    def __init__(
        self, parameters: Iterable[Value], lr: Rate, momentum: float = 0.0,
        nesterov: bool = False, weight_decay: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(parameters, lr, weight_decay)
        not_negative(momentum=momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov=True takes a momentum above 0, not 0.0; try momentum=0.9")
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.velocity: list[float] = []

    def moved(self, numbers: list[float], gradients: list[float]) -> list[float]:
        lr, momentum = self.rate(), self.momentum
        if self.weight_decay:
            gradients = [g + self.weight_decay * p for p, g in zip(numbers, gradients, strict=True)]
        if momentum:
            before = self.velocity
            self.velocity = (
                [momentum * v + g for v, g in zip(before, gradients, strict=True)]
                if before
                else list(gradients)
            )
            gradients = (
                [g + momentum * v for g, v in zip(gradients, self.velocity, strict=True)]
                if self.nesterov
                else self.velocity
            )
        return [p - lr * g for p, g in zip(numbers, gradients, strict=True)]


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) with its bias correction; weight decay adds to the gradient."""

    def __init__(
        self, parameters: Iterable[Value], lr: Rate = 0.001,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(parameters, lr, weight_decay)
        not_negative(eps=eps)
        self.betas = _betas(betas)
        self.eps = float(eps)
        self.first = [0.0] * len(self.parameters)
        self.second = [0.0] * len(self.parameters)

    def moved(self, numbers: list[float], gradients: list[float]) -> list[float]:
        lr, (beta1, beta2), eps = self.rate(), self.betas, self.eps
        numbers, gradients = self.decayed(numbers, gradients, lr)
        self.first = [
            beta1 * m + (1 - beta1) * g for m, g in zip(self.first, gradients, strict=True)
        ]
        self.second = [
            beta2 * v + (1 - beta2) * g * g for v, g in zip(self.second, gradients, strict=True)
        ]
        size = lr / (1 - beta1 ** (self.steps + 1))
        scale = math.sqrt(1 - beta2 ** (self.steps + 1))
        return [
            p - size * m / (math.sqrt(v) / scale + eps)
            for p, m, v in zip(numbers, self.first, self.second, strict=True)
        ]

    def decayed(
        self, numbers: list[float], gradients: list[float], lr: float
    ) -> tuple[list[float], list[float]]:
        """Return the numbers and gradients with the weight decay in them."""
        decay = self.weight_decay
        if decay:
            gradients = [g + decay * p for p, g in zip(numbers, gradients, strict=True)]
        return numbers, gradients


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): p *= 1 - lr * decay."""

    def __init__(
        self, parameters: Iterable[Value], lr: Rate = 0.001,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decayed(
        self, numbers: list[float], gradients: list[float], lr: float
    ) -> tuple[list[float], list[float]]:
        keep = 1 - lr * self.weight_decay
        return [p * keep for p in numbers], gradients


def _betas(betas: tuple[float, float]) -> tuple[float, float]:
    two = isinstance(betas, Sequence) and len(betas) == 2
    if not two or not all(is_real(beta) and 0.0 <= beta < 1.0 for beta in betas):
        raise wrong("betas", "two numbers from 0 to below 1", betas, "try (0.9, 0.999)")
    return float(betas[0]), float(betas[1])


# ---- checks and clipping -----------------------------------------------------------------------


def clip_grad_norm(parameters: Iterable[Value], maximum: float) -> float:
    """Scale the gradients together so that their norm is at most `maximum`; return the norm before.

    The factor is maximum / (norm + 1e-6) where that is below 1, as in PyTorch. Ctrl-C comes before
    all are scaled, or after.
    """
    parameters, maximum = _clipped("clip_grad_norm()", parameters, maximum)
    norm = math.sqrt(math.fsum(p.grad * p.grad for p in parameters))
    factor = maximum / (norm + 1e-6)
    if factor < 1.0:
        assign(parameters, grad=[p.grad * factor for p in parameters])
    return norm


def clip_grad_value(parameters: Iterable[Value], maximum: float) -> None:
    """Move each gradient into the range from -maximum to maximum; nan stays nan.

    Ctrl-C comes before all are moved, or after.
    """
    parameters, maximum = _clipped("clip_grad_value()", parameters, maximum)
    large = [p for p in parameters if abs(p.grad) > maximum]
    assign(large, grad=[math.copysign(maximum, p.grad) for p in large])


def _clipped(who: str, parameters: Iterable[Value], maximum: float) -> tuple[list[Value], float]:
    not_negative(maximum=maximum)
    found = values(who, parameters)
    end_walks(found)
    return found, float(maximum)
