"""Measure how far predictions are from their targets: losses of one example.

>>> from microgradnet import Value
>>> cross_entropy([Value(1000.0), Value(0.0)], 1).data
1000.0
>>> hinge(Value(0.25), -1).data
1.25

A loss of many examples is their mean: `functional.mean(loss(model(x), y) for x, y in rows)`.
"""

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

from microgradnet import functional
from microgradnet.engine import Value
from microgradnet.errors import show, wrong
from microgradnet.operations import OPERATIONS, Operand


def mean_squared_error(
    prediction: Operand | Sequence[Operand], target: Operand | Sequence[Operand]
) -> Any:
    """Return the mean of (prediction - target)^2 over the outputs of one example.

    Both are one number, or sequences of one length; ValueError of two lengths.
    """
    who = "mean_squared_error()"
    predictions, targets = (
        functional.operands(who, given if isinstance(given, Sequence) else [given])
        for given in (prediction, target)
    )
    if len(predictions) != len(targets):
        rule = f"{who} takes as many targets as predictions"
        found = f"{len(targets)} for {len(predictions)}"
        raise ValueError(f"{rule}, not {found}; give a target for each output")
    return functional.mean((p - t) ** 2 for p, t in zip(predictions, targets, strict=True))


def hinge(score: Operand, target: Operand) -> Any:
    """Return max(0, 1 - target * score), the max-margin loss; the target is -1 or +1."""
    functional.operands("hinge()", (score, target))
    if not isinstance(target, Value) and target not in (-1, 1):
        raise wrong("hinge()", "the targets -1 and +1", target, "use 2 * target - 1")
    return OPERATIONS["relu"](1.0 - target * score)  # type: ignore[operator]


def binary_cross_entropy(logit: Operand, target: Operand) -> Any:
    """Return -log of the probability of the target (0, 1, or between) under sigmoid(logit).

    It takes the logit, not the probability, and so never overflows: -log sigmoid(logit) is
    log(1 + e^-logit).
    """
    functional.operands("binary_cross_entropy()", (logit, target))
    if not isinstance(target, Value) and not 0 <= target <= 1:  # type: ignore[operator]
        raise ValueError(
            f"binary_cross_entropy() takes targets from 0 to 1, not {show(target)}; "
            "of -1 and +1, use (target + 1) / 2"
        )
    softplus = OPERATIONS["softplus"]
    return target * softplus(-logit) + (1.0 - target) * softplus(logit)  # type: ignore[operator]


def cross_entropy(logits: Sequence[Operand], target: SupportsIndex | Sequence[Operand]) -> Any:
    """Return -log softmax(logits)[target]: the target is the index of the class.

    Or it is a probability for each class, such as a one-hot list, and the result is the mean of
    that under them. TypeError for an index that is not whole, ValueError for one that is not there.
    """
    who = "cross_entropy()"
    logits = functional.operands(who, logits)
    if isinstance(target, Sequence):
        if len(target) != len(logits):
            rule = f"{who} takes a probability for each class"
            found = f"{len(target)} for {len(logits)}"
            raise ValueError(f"{rule}, not {found}; give one for each logit")
        return -functional.dot(target, functional.log_softmax(logits))
    if not hasattr(target, "__index__"):
        remedy = "give the number of the class, an int"
        raise wrong(who, "a class index, or probabilities", target, remedy, TypeError)
    index = operator.index(target)
    if not 0 <= index < len(logits):
        rule = f"{who} takes a class index from 0 to {len(logits) - 1}, not {show(index)}"
        raise ValueError(f"{rule}; make an output for each class")
    return -functional.log_softmax(logits)[index]
