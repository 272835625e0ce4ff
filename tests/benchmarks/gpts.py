"""The GPT of demos/17_gpt.py in other systems, from the same parameters, on one name."""

import importlib.util
import itertools
from pathlib import Path

spec = importlib.util.spec_from_file_location(
    "gpt", Path(__file__).parents[2] / "demos" / "17_gpt.py"
)
demo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(demo)

MATRICES = (
    "token_embedding", "position_embedding", "query", "key", "value", "output", "widen", "narrow",
    "head",
)  # fmt: skip


def numbers(model):
    """Return the model's matrices as lists of lists of numbers, by name."""
    return {name: [[v.data for v in row] for row in getattr(model, name)] for name in MATRICES}


def scalar_step(value, model, name):
    """Return forward and backward on a name in a scalar engine with + * / ** exp log relu."""
    matrices = {
        key: [[value(number) for number in row] for row in rows]
        for key, rows in numbers(model).items()
    }
    parameters = [v for rows in matrices.values() for row in rows for v in row]
    sequence = demo.tokens(name)

    def dot(xs, ys):
        result = xs[0] * ys[0]
        for x, y in zip(xs[1:], ys[1:], strict=True):
            result = result + x * y
        return result

    def linear(key, x):
        return [dot(row, x) for row in matrices[key]]

    def rmsnorm(x):
        scale = (dot(x, x) * (1.0 / len(x)) + 1e-5) ** -0.5
        return [element * scale for element in x]

    def softmax(xs):
        top = max(x.data for x in xs)
        weights = [(x + -top).exp() for x in xs]
        total = weights[0]
        for weight in weights[1:]:
            total = total + weight
        return [weight / total for weight in weights]

    def logits(position, token, keys, values):
        column = [row[token] for row in matrices["token_embedding"]]
        x = [a + b for a, b in zip(column, matrices["position_embedding"][position], strict=True)]
        x = rmsnorm(x)
        normed = rmsnorm(x)
        query = linear("query", normed)
        keys.append(linear("key", normed))
        values.append(linear("value", normed))
        mixed = []
        for start in range(0, 16, 4):
            part = slice(start, start + 4)
            weights = softmax([dot(query[part], key[part]) * 0.5 for key in keys])
            mixed += [dot(weights, [v[i] for v in values]) for i in range(start, start + 4)]
        x = [a + b for a, b in zip(x, linear("output", mixed), strict=True)]
        hidden = [element.relu() for element in linear("widen", rmsnorm(x))]
        x = [a + b for a, b in zip(x, linear("narrow", hidden), strict=True)]
        return linear("head", x)

    def step():
        for p in parameters:
            p.grad = 0.0
        keys, values, loss = [], [], None
        for position, (token, target) in enumerate(itertools.pairwise(sequence)):
            part = -softmax(logits(position, token, keys, values))[target].log()
            loss = part if loss is None else loss + part
        loss = loss * (1.0 / (len(sequence) - 1))
        loss.backward()
        return loss.data

    return step


def torch_step(torch, model, name):
    """Return forward and backward on a name in PyTorch, all positions at once, double precision."""
    torch.set_num_threads(1)
    weights = {
        key: torch.tensor(rows, dtype=torch.float64, requires_grad=True)
        for key, rows in numbers(model).items()
    }
    sequence = demo.tokens(name)
    count = len(sequence) - 1
    tokens, targets = torch.tensor(sequence[:-1]), torch.tensor(sequence[1:])
    mask = torch.full((count, count), -torch.inf, dtype=torch.float64).triu(1)

    def rmsnorm(x):
        return x * (x.square().mean(-1, keepdim=True) + 1e-5) ** -0.5

    def step():
        x = weights["token_embedding"].T[tokens] + weights["position_embedding"][:count]
        x = rmsnorm(x)
        normed = rmsnorm(x)
        query, key, value = (
            (normed @ weights[part].T).view(count, 4, 4).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        attention = torch.softmax(query @ key.transpose(1, 2) * 0.5 + mask, -1)
        mixed = (attention @ value).transpose(0, 1).reshape(count, 16)
        x = x + mixed @ weights["output"].T
        x = x + torch.relu(rmsnorm(x) @ weights["widen"].T) @ weights["narrow"].T
        loss = torch.nn.functional.cross_entropy(x @ weights["head"].T, targets)
        gradients = torch.autograd.grad(loss, list(weights.values()))
        return loss.item(), gradients

    return step
