"""Exchange networks with PyTorch.

>>> network = to_torch(nn.MLP(2, [3, 1], activation="tanh", seed=0))  # doctest: +SKIP
>>> network  # doctest: +SKIP
Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): Tanh()
  (2): Linear(in_features=3, out_features=1, bias=True)
)
>>> from_torch(network)  # doctest: +SKIP
MLP(2, [3, 1], activation='tanh', output='linear')
"""

from typing import Any

from microgradnet import nn
from microgradnet.errors import show, wrong
from microgradnet.operations import OPERATIONS
from microgradnet.pipeline import Pipeline

# name -> the class in torch.nn that computes the same, and its settings
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": OPERATIONS["leaky_relu"].default}),
    "elu": ("ELU", {"alpha": OPERATIONS["elu"].default}),
    "gelu": ("GELU", {"approximate": "none"}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {"beta": 1.0, "threshold": 40.0}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
}
# Above its threshold PyTorch's Softplus is x: of 40 that is exact in float64. Its default, 20, is
# 2e-9 off, and accepted.
THRESHOLD = 20.0


def to_torch(model: nn.Module) -> Any:
    """Return a Neuron, Layer or MLP, or that of a Pipeline, as a torch.nn.Sequential in float64.

    Outputs and gradients agree to the rounding of float64. It takes a tensor of (rows, inputs) and
    gives (rows, outputs), or one row's. With dropout, which is on in a new module, they agree after
    eval(). ValueError for an activation that PyTorch does not have.
    """
    torch = _torch("to_torch()")
    module: Any = model.model if isinstance(model, Pipeline) else model
    architecture(module, "to_torch()")
    parts: list[Any] = []
    layers = getattr(module, "layers", [module])
    for layer, share in zip(layers, getattr(module, "dropout", [0.0]), strict=True):
        if share:
            parts.append(torch.nn.Dropout(share))
        neurons = getattr(layer, "neurons", [layer])
        activation = neurons[0].activation
        if activation not in ("linear", *ACTIVATIONS):
            rule = f"to_torch() takes the activations linear, {', '.join(ACTIVATIONS)}"
            raise ValueError(f"{rule}, not {show(activation)}; train with one of these")
        size = len(neurons[0].w), len(neurons)
        # skip_init draws no random numbers: PyTorch's seed is the caller's.
        linear = torch.nn.utils.skip_init(torch.nn.Linear, *size, dtype=torch.float64)
        with torch.no_grad():
            rows = [[weight.data for weight in neuron.w] for neuron in neurons]
            linear.weight.copy_(torch.tensor(rows, dtype=torch.float64))
            linear.bias.copy_(torch.tensor([n.b.data for n in neurons], dtype=torch.float64))
        parts.append(linear)
        if activation != "linear":
            name, settings = ACTIVATIONS[activation]
            parts.append(getattr(torch.nn, name)(**settings))
    return torch.nn.Sequential(*parts)


def from_torch(sequential: Any) -> nn.MLP:
    """Return a torch.nn.Sequential of Linear and activation modules as an MLP with their numbers.

    float32 is taken exactly. Dropout before a Linear becomes the MLP's. What does nothing is left
    out: Identity, Flatten(), and Dropout after eval(). ValueError for other modules, settings and
    hooks, and where the hidden layers have more than one activation.
    """
    torch = _torch("from_torch()")
    if not isinstance(sequential, torch.nn.Sequential):
        raise wrong("from_torch()", "a torch.nn.Sequential", sequential, "make one", TypeError)
    linears: list[Any] = []
    names: list[str] = []
    shares: list[float] = []
    parts = list(sequential.named_modules(remove_duplicate=False))  # nested ones too
    found = [(name, part) for _, part in parts if (name := _counterpart(torch, part)) != ""]
    kinds, share = [name for name, _ in found], 0.0
    for place, (name, part) in enumerate(found):
        if name == "linear":
            linears.append(part)
            names.append(name)
            shares.append(share)
            share = 0.0
        elif name == "dropout" and kinds[place + 1 : place + 2] == ["linear"]:
            share = part.p
        elif name in ACTIVATIONS and kinds[max(place - 1, 0)] == "linear":
            names[-1] = name
        else:
            known = (
                f"{kind}({', '.join(f'{key}={setting!r}' for key, setting in settings.items())})"
                for kind, settings in ACTIVATIONS.values()
            )
            raise ValueError(
                f"from_torch() takes Linear, after each at most one of {', '.join(known)}, before "
                "each at most one Dropout of p below 1, and Identity, Flatten() and Dropout after "
                f"eval(), none with hooks, not {show(part)}; convert the parts around it"
            )
    widths = [linear.weight.shape[0] for linear in linears]
    inputs = [linear.weight.shape[1] for linear in linears]
    if not linears or widths[:-1] != inputs[1:]:
        rule = f"from_torch() takes Linear modules that fit each other, not {show(sequential)}"
        raise ValueError(f"{rule}; make out_features the in_features of the next")
    if len(set(names[:-1])) > 1:
        rule = f"an MLP takes one activation for all hidden layers, not {', '.join(names[:-1])}"
        raise ValueError(f"{rule}; train with one, or convert the parts with one")
    activation = [*names[:-1], "relu"][0]
    model = nn.MLP(inputs[0], widths, activation, names[-1], seed=0, dropout=shares)
    for layer, linear in zip(model.layers, linears, strict=True):
        biases = [0.0] * len(layer.neurons) if linear.bias is None else linear.bias.tolist()
        for neuron, row, bias in zip(layer.neurons, linear.weight.tolist(), biases, strict=True):
            neuron.b.data = bias
            for weight, number in zip(neuron.w, row, strict=True):
                weight.data = number
    return model


def _counterpart(torch: Any, part: Any) -> str | None:
    # The activation that a module is, "linear" or "dropout"; "" where it does nothing, else None.
    kind = type(part)
    if part._forward_hooks or part._forward_pre_hooks:
        return None
    if kind is torch.nn.Linear and part.weight.is_floating_point():
        return "linear"
    for name, (found, settings) in ACTIVATIONS.items():
        if kind is getattr(torch.nn, found) and all(
            getattr(part, key) == setting or (key == "threshold" and part.threshold >= THRESHOLD)
            for key, setting in settings.items()
        ):
            return name
    if kind is torch.nn.Dropout and part.training and part.p < 1.0:
        return "dropout"
    nothing = (
        kind is torch.nn.Identity
        or kind.forward is torch.nn.Sequential.forward
        or (kind is torch.nn.Flatten and (part.start_dim, part.end_dim) == (1, -1))
        or (kind is torch.nn.Dropout and not part.training)
    )
    return "" if nothing else None


def _torch(who: str) -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError(f"{who} takes PyTorch, which is missing; run pip install torch") from None
    return torch


def architecture(module: Any, who: str) -> dict[str, Any]:
    """Return the arguments that make a Neuron, Layer or MLP again, but for its numbers.

    TypeError for another Module, or one with parts of its own, which they would not make.
    """
    found: dict[str, Any] = {}
    if type(module) is nn.Neuron:
        found = {"nin": len(module.w), "activation": module.activation}
    elif type(module) is nn.Layer:
        first = module.neurons[0]
        found = {"nin": len(first.w), "nout": len(module.neurons), "activation": first.activation}
    elif type(module) is nn.MLP:
        found = {"nin": module.sizes[0], "nouts": module.sizes[1:]}
        found |= {"activation": module.activation, "output": module.output}
        if any(module.dropout):
            found["dropout"] = module.dropout
    if not found or _parts(module) != _parts(type(module)(**found, seed=0)):
        rule = "a Neuron, Layer, MLP or Pipeline as its class makes it"
        remedy = "keep json.dumps(model.state_dict()) of others"
        raise wrong(who, rule, module, remedy, TypeError)
    return found


def _parts(module: nn.Module) -> list[Any]:
    # The paths of the parameters; class, sizes and activation of the module and of those in it.
    parts = [module]
    for part in parts:
        for item in vars(part).values():
            items = item if isinstance(item, list) else [item]
            parts += [inner for inner in items if isinstance(inner, nn.Module)]
    return [list(module.state_dict()), *((type(part), repr(part)) for part in parts)]
