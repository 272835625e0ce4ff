"""Minimise a function of up to a few hundred parameters, without a rate and without batches.

>>> x = Value(3.0)
>>> def closure():
...     loss = (x - 1.0) ** 4
...     loss.backward()
...     return loss
>>> losses = BFGS([x]).minimise(closure)
>>> losses[0], losses[-1] < 1e-6
(16.0, True)

It is `optim.BFGS`.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from microgradnet.engine import Value, assign, zero_grad
from microgradnet.errors import is_real, show, wrong
from microgradnet.operations import NOT_COMPUTED
from microgradnet.parameters import leaves, not_negative

Closure = Callable[[], float | Value]

DECREASE, CURVATURE = 1e-4, 0.9  # the constants of the strong Wolfe conditions, c1 and c2
TRIALS = 25  # points of one line search, past which the lowest is taken


class BFGS:
    """The method of Broyden, Fletcher, Goldfarb and Shanno: from gradients it learns the curvature.

    It is algorithm 6.1 of Nocedal and Wright, Numerical Optimization, with a line search for the
    strong Wolfe conditions (3.5 and 3.6). `closure()` computes the loss anew, calls backward() and
    returns the loss; the gradients are set to 0 before, so one made for PyTorch's LBFGS will do. It
    may be called several times a step, and gives the same loss for the same parameters. A program
    is a closure as it is, and `lambda: program.over(rows)` is one for the sum over rows:

    >>> from microgradnet.compiling import compile
    >>> x, y = Value(-1.2), Value(1.0)
    >>> rosenbrock = compile(lambda: (1 - x) ** 2 + 100 * (y - x * x) ** 2, [x, y])
    >>> losses = BFGS([x, y]).minimise(rosenbrock)
    >>> len(losses) < 60, round(x.data, 6), round(y.data, 6)
    (True, 1.0, 1.0)

    The inverse of the Hessian is dense: n parameters take n * n numbers, and as many operations a
    step. Where a step fails with an error, or by Ctrl-C, the parameters, the gradients and what is
    known of the Hessian are those before it.
    """

    def __init__(self, parameters: Iterable[Value], tolerance: float = 1e-5) -> None:
        self.parameters = leaves("an optimizer", parameters)
        not_negative(tolerance=tolerance)
        self.tolerance = tolerance
        self.inverse: list[list[float]] = []  # of the Hessian, as far as it is known

    def minimise(self, closure: Closure, steps: int = 200) -> list[float]:
        """Take steps until the gradient is small; return the loss at the start and after each.

        It ends when no gradient is larger than the tolerance, no lower loss is found, or after so
        many steps.
        """
        not_negative(steps=steps)
        with self._restored():
            here = self._start(closure)
        losses = [here.loss]
        while len(losses) <= steps and max(map(abs, here.gradient)) > self.tolerance:
            with self._restored():
                there = self._next(closure, here)
            if there is here:
                break
            here = there
            losses.append(here.loss)
        return losses

    def step(self, closure: Closure) -> float:
        """Move every parameter once, to a lower loss where one is found; return the loss there."""
        with self._restored():
            return self._next(closure, self._start(closure)).loss

    def zero_grad(self) -> None:
        """Set the grad of every parameter to 0."""
        zero_grad(self.parameters)

    def __repr__(self) -> str:
        return f"BFGS({len(self.parameters)} parameters, tolerance={self.tolerance!r})"

    @contextmanager
    def _restored(self) -> Iterator[None]:
        before = [p.data for p in self.parameters], [p.grad for p in self.parameters]
        inverse = self.inverse
        try:
            yield
        except BaseException:  # Ctrl-C too
            self._write(*before)
            self.inverse = inverse
            raise

    def _write(self, numbers: list[float], gradient: list[float]) -> None:
        assign(self.parameters, data=numbers, grad=gradient)

    def _start(self, closure: Closure) -> "_Point":
        if not callable(closure):
            rule = "a closure, a function that returns the loss"
            raise wrong("BFGS", rule, closure, "see help(BFGS)", TypeError)
        here = self._point(closure, [p.data for p in self.parameters])
        for number in (here.loss, *here.gradient):
            if not math.isfinite(number):
                rule = f"BFGS takes a start where loss and gradient are finite, not {show(number)}"
                raise ValueError(f"{rule}; choose other parameters")
        return here

    def _point(self, closure: Closure, numbers: list[float]) -> "_Point":
        self._write(numbers, [NOT_COMPUTED] * len(numbers))
        loss = closure()
        if not is_real(loss):
            raise TypeError(
                f"a closure returns the loss, not {show(loss)}; end it with return loss"
            )
        return _Point(numbers, float(loss), [p.grad for p in self.parameters])

    def _next(self, closure: Closure, here: "_Point") -> "_Point":
        # The next point, where the parameters are left; `here` itself where none is lower.
        inverse, there = self.inverse, None
        if inverse:
            direction = [-_dot(row, here.gradient) for row in inverse]
            there = self._search(closure, here, direction, 1.0)
        if there is None:  # nothing is known of the curvature, or it leads nowhere: straight down
            inverse, norm = [], math.hypot(*here.gradient)
            direction = [-g for g in here.gradient]
            there = self._search(closure, here, direction, 1.0 / max(1.0, norm))
        there = there or here
        self._write(there.numbers, there.gradient)
        self.inverse = _updated(inverse, here, there)
        return there

    def _search(
        self, closure: Closure, here: "_Point", direction: list[float], length: float
    ) -> "_Point | None":
        # A point that meets the strong Wolfe conditions, or the lowest found; None without any.
        # `low` is the best so far. Once `high` is known, such points lie between it and low.
        slope = _dot(here.gradient, direction)
        if not -math.inf < slope < 0.0:
            return None
        start = low = _Trial(0.0, here.loss, slope, here)
        high: _Trial | None = None
        for _ in range(TRIALS):
            numbers = [x + length * d for x, d in zip(here.numbers, direction, strict=True)]
            trial = _Trial(length, math.inf, math.nan, here)  # too far, where nothing is finite
            try:
                point = self._point(closure, numbers)
                if point.finite():
                    trial = _Trial(length, point.loss, _dot(point.gradient, direction), point)
            except (ArithmeticError, ValueError):  # out of the domain, as log(-1)
                pass
            if trial.loss > start.loss + DECREASE * length * slope or trial.loss >= low.loss:
                high = trial
            elif abs(trial.slope) <= -CURVATURE * slope:
                return trial.point
            else:
                if trial.slope * (high.length - low.length if high else 1.0) >= 0.0:
                    high = low
                low = trial
            length = _between(low, high) if high else 2.0 * length
        return None if low is start else low.point


class _Point(NamedTuple):
    numbers: list[float]
    loss: float
    gradient: list[float]

    def finite(self) -> bool:
        return all(map(math.isfinite, [self.loss, *self.gradient]))


class _Trial(NamedTuple):
    length: float  # how many times the direction it is away
    loss: float
    slope: float  # the derivative of the loss by the length
    point: _Point


def _between(low: _Trial, high: _Trial) -> float:
    # The minimum of the parabola through both losses and low's slope, but not too near to either.
    width = high.length - low.length
    fall = -low.slope * width
    bend = high.loss - low.loss + fall
    share = 0.5 * fall / bend if 0.0 < bend < math.inf else 0.5
    return low.length + width * min(max(share, 0.1), 0.9)


def _updated(inverse: list[list[float]], here: _Point, there: _Point) -> list[list[float]]:
    """Return the inverse Hessian H after a step s, with y the difference of the gradients.

    (I - s y' / s'y) H (I - y s' / s'y) + s s' / s'y, or H where the curvature s'y is not positive;
    the first H is s'y / y'y times I (Nocedal and Wright, 6.17 and 6.20).
    """
    s = [b - a for a, b in zip(here.numbers, there.numbers, strict=True)]
    y = [b - a for a, b in zip(here.gradient, there.gradient, strict=True)]
    sy, yy = _dot(s, y), _dot(y, y)
    if not (sy > 0.0 and yy > 0.0):
        return inverse
    if not inverse:
        inverse = [[0.0] * i + [sy / yy] + [0.0] * (len(s) - i - 1) for i in range(len(s))]
    hy = [_dot(row, y) for row in inverse]
    scale = 1.0 + _dot(y, hy) / sy
    updated = []
    for row, step, product in zip(inverse, s, hy, strict=True):
        a, b = (scale * step - product) / sy, step / sy
        updated.append([h + a * si - b * hi for h, si, hi in zip(row, s, hy, strict=True)])
    return updated


def _dot(xs: Sequence[float], ys: Sequence[float]) -> float:
    return sum(map(operator.mul, xs, ys), 0.0)
