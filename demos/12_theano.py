"""What Theano taught: write an expression, have it derived and compiled, and look into it.

    python demos/12_theano.py [--full] [--check answers.py]

system: Theano's tutorial: Baby Steps, More Examples, Derivatives, Printing/Drawing (2008-2017)
takes: 2 s, with --full 20 s

Theano is one of the article's "libraries that calculate the derivatives for you": an expression is
a graph, its derivative is another, and both become a program. Here are its tutorial's examples, in
their order: `function` is compile(), `T.grad` is grad(), a `shared` variable is a Value that
several programs read, and a matrix is a list of rows.

ends with: all 58 figures reached
"""

import re

from microgradnet import Value, compile, data, draw, losses
from microgradnet.calculus import flatten, grad, gradient, hessian, hvp, jacobian, jvp, vjp
from microgradnet.engine import topological_order
from microgradnet.expressions import expression
from microgradnet.figures import curves
from microgradnet.functional import dot, exp, log, sigmoid, tanh, total
from microgradnet.lessons import run
from microgradnet.naming import INFIX, digits


def equal(lesson, call, published, ours):
    """Claim that a call gives exactly what the tutorial prints."""
    lesson.claim(f"{call} is {published}", ours == published)


# %% 1. Baby steps: a function of numbers, and the same of matrices
# A program is compiled for the shape of its inputs. Floats vary from call to call; an int would be
# fixed, as the index of a class is, and so the tutorial's 2 is 2.0 here.
def elementwise(f):
    """Return f for numbers, and for lists of lists of numbers too: element by element."""

    def mapped(*arguments):
        if isinstance(arguments[0], list):
            return [mapped(*parts) for parts in zip(*arguments, strict=True)]
        return f(*arguments)

    return mapped


def adding(lesson):
    """Add two numbers, and two matrices."""
    f = compile(elementwise(lambda x, y: x + y))
    lesson.part("Baby steps: z = x + y; f = function([x, y], z)")
    lesson.figure("f(2, 3)", "5.0", f(2.0, 3.0))
    lesson.figure("f(16.3, 12.1)", "28.4", f(16.3, 12.1))
    x, y = [[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]
    equal(lesson, f"f({x}, {y})", [[11.0, 22.0], [33.0, 44.0]], f(x, y))


# %% 2. More examples: the logistic function, several results, default arguments
MATRIX = [[0.0, 1.0], [-1.0, -2.0]]
LOGISTIC = ["0.5", "0.73105858", "0.26894142", "0.11920292"]  # of it, row by row
DIFFERENCES = {
    "diff": [[1.0, 0.0], [-1.0, -2.0]],
    "abs_diff": [[1.0, 0.0], [1.0, 2.0]],
    "diff_squared": [[1.0, 0.0], [1.0, 4.0]],
}


def s(x):
    """Return the logistic function of x."""
    return 1 / (1 + exp(-x))


def s2(x):
    """Return the same, by tanh."""
    return (1 + tanh(x / 2)) / 2


def differences(a, b):
    """Return the difference of two matrices, its size and its square."""
    diff = elementwise(lambda v, w: v - w)(a, b)
    return [diff, elementwise(abs)(diff), elementwise(lambda d: d**2)(diff)]


def by_element(lesson, published, f):
    """Compare a function of MATRIX with what is printed, element by element."""
    for text, x, ours in zip(published, flatten(MATRIX), flatten(f(MATRIX)), strict=True):
        lesson.figure(f"of {x:g}", text, ours)


def examples(lesson):
    """Go through the page up to its shared variables."""
    logistic, logistic2 = compile(elementwise(s)), compile(elementwise(s2))
    lesson.part("logistic([[0, 1], [-1, -2]]), element by element")
    by_element(lesson, LOGISTIC, logistic)
    pairs = zip(flatten(logistic(MATRIX)), flatten(logistic2(MATRIX)), strict=True)
    off = max(abs(v - w) for v, w in pairs)
    lesson.claim("s2 = (1 + T.tanh(x / 2)) / 2 produces the same values", off < 1e-15)

    lesson.part("Several results at once, for a matrix of ones and [[0, 1], [2, 3]]")
    found = compile(differences)([[1.0, 1.0], [1.0, 1.0]], [[0.0, 1.0], [2.0, 3.0]])
    for (name, published), ours in zip(DIFFERENCES.items(), found, strict=True):
        equal(lesson, name, published, ours)

    lesson.part("Default arguments are Python's own")
    f = compile(lambda x, y=1.0: x + y)
    lesson.figure("f(33)", "34.0", f(33.0))
    lesson.figure("f(33, 2)", "35.0", f(33.0, 2.0))
    program = compile(lambda x, y, w: (x + y) * w)

    def g(x, y=1.0, w_by_name=2.0):
        return program(x, y, w_by_name)

    lesson.figure("(x + y) * w: f(33)", "68.0", g(33.0))
    lesson.figure("f(33, 2)", "70.0", g(33.0, 2.0))
    lesson.figure("f(33, 0, 1)", "33.0", g(33.0, 0.0, 1.0))
    lesson.figure("f(33, w_by_name=1)", "34.0", g(33.0, w_by_name=1.0))
    lesson.figure("f(33, w_by_name=1, y=0)", "33.0", g(33.0, w_by_name=1.0, y=0.0))


# %% 3. Shared variables
# A program reads the number of a Value that it finds outside at each call. There are no `updates`
# here: whoever calls it puts the new number in its place.
def updating(state, program):
    """Return a function that gives the old state, and leaves in it what the program gives."""

    def step(inc):
        old, state.data = state.data, program(inc)
        return old

    return step


def fn_of_state(inc, state):
    """Return the tutorial's formula with a shared variable."""
    return state * 2 + inc


def shared(lesson):
    """Count up and down with one state, and compute without it."""
    state = Value(0.0, "state")
    accumulator = updating(state, compile(lambda inc: state + inc))
    decrementor = updating(state, compile(lambda inc: state - inc))

    lesson.part("A shared variable, state = shared(0): a call gives its old number")
    lesson.figure("state at first", 0, int(state.data))
    lesson.figure("accumulator(1)", 0, int(accumulator(1.0)))
    lesson.figure("state", 1, int(state.data))
    lesson.figure("accumulator(300)", 1, int(accumulator(300.0)))
    lesson.figure("state", 301, int(state.data))
    state.data = -1.0
    lesson.figure("set to -1: accumulator(3)", -1, int(accumulator(3.0)))
    lesson.figure("state", 2, int(state.data))
    lesson.figure("decrementor(2)", 2, int(decrementor(2.0)))
    lesson.figure("state", 0, int(state.data))

    # Theano's `givens` put another expression in the place of state; here it is an argument.
    skip_shared = compile(lambda inc, foo: fn_of_state(inc, foo))
    lesson.figure("givens: skip_shared(1, 3)", 7, int(skip_shared(1.0, 3.0)))
    lesson.figure("state, that was not used", 0, int(state.data))
    uses_shared = compile(lambda inc: fn_of_state(inc, state))
    lesson.claim("without them the state is used, and is 0", uses_shared(1.0) == 1.0)


# %% 4. Derivatives
DLOGISTIC = ["0.25", "0.19661193", "0.19661193", "0.10499359"]  # of MATRIX
OPTIMISED = "(2.0 * x)"  # what Theano's compiler leaves of the derivative of x ** 2
S_PRIME = "(s(x) * (1 - s(x)))"  # s'(x), in the page's formula


def gradient_line(program):
    """Return what a program with one parameter computes as its gradient."""
    return re.search(r"return loss, \[\n\s*(.*),  #", program.source)[1]


def gradients(lesson):
    """Derive x ** 2 and the logistic function: as numbers, as texts and as curves."""
    lesson.part("gy = T.grad(x ** 2, x); f = function([x], gy)")
    f = compile(grad(lambda x: x**2))
    lesson.figure("f(4)", "8.0", f(4.0))
    lesson.figure("f(94.2)", "188.40000000000001", f(94.2), 1e-13)
    x = Value(4.0, "x")
    program = compile(lambda: x**2, [x])
    program()
    print("  Theano's pp(gy):    ((fill((x ** 2), 1.0) * 2) * (x ** (2 - 1)))")
    print(f"  after optimization: {OPTIMISED}")
    print(f"  pp(gy) here:        {pp(*gradient(x**2, [x]))}, which is 2 * x ** (2 - 1)")
    print(f"  compiled:           {gradient_line(program)}")
    lesson.claim("what is compiled is Theano's", f"({gradient_line(program)})" == OPTIMISED)

    lesson.part("dlogistic([[0, 1], [-1, -2]]), element by element")
    by_element(lesson, DLOGISTIC, compile(elementwise(grad(s))))
    found = pp(*gradient(sigmoid(x), [x]))
    lesson.claim(f"s'(x) = {S_PRIME}: {found}", found.replace("sigmoid", "s") == S_PRIME)
    xs = [k / 10 for k in range(-60, 61)]
    series = {"s(x)": compile(s), "ds(x)/dx": compile(grad(s))}
    lesson.picture("logistic", lambda: curves(
        {name: (xs, [f(x) for x in xs]) for name, f in series.items()},
        "The logistic function and its gradient", "x", "s(x) and ds(x)/dx",
    ))  # fmt: skip


def squares(x):
    """Return x ** 2, element by element."""
    return [v**2 for v in x]


def times(x, w):
    """Return T.dot(x, W): x times each column of W."""
    return [dot(x, column) for column in zip(*w, strict=True)]


def higher(lesson):
    """Jacobian, Hessian, and what multiplies them by a vector without making them."""
    lesson.part("Jacobian and Hessian, times a vector or whole")
    x, two = [4.0, 4.0], [2.0, 2.0]
    cost = lambda x: total(squares(x))  # noqa: E731 - the page's name
    equal(lesson, "Jacobian of x ** 2 at [4, 4]", [[8.0, 0.0], [0.0, 8.0]], jacobian(squares)(x))
    equal(lesson, "Hessian of its sum", [[2.0, 0.0], [0.0, 2.0]], hessian(cost)(x))

    ones, twos = [[1.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]
    y = lambda W: times([0.0, 1.0], W)  # noqa: E731, N803 - the page's names
    _, rop = jvp(y, (ones,), (twos,))
    equal(lesson, "R-operator, the Jacobian of x W by W times V: jvp()", [2.0, 2.0], rop)
    (lop,) = vjp(y, ones)[1](two)
    equal(lesson, "L-operator, v times that Jacobian: vjp()", [[0.0, 0.0], [2.0, 2.0]], lop)
    v_h = grad(lambda x: dot(grad(cost)(x), two))(x)
    equal(lesson, "v times the Hessian, by T.grad(T.sum(gy * v), x)", [4.0, 4.0], v_h)
    h_v = hvp(cost, (x,), (two,))
    equal(lesson, "the Hessian times v, by Rop(gy, x, v): hvp()", [4.0, 4.0], h_v)


# %% 5. A real example: logistic regression
RATE, PENALTY = 0.1, 0.01
COSTS = {0: "1.1042788752", 1: "1.0882143050", 10_000: "0.6382426269"}  # 40 rows of 5 features


def random_rows(n, feats):
    """Return rng.randn(N, feats) with targets 0 or 1 drawn by a coin, and w: seed 0 of NumPy."""
    rng = data.LegacyRandom(0)
    x = [[rng.randn() for _ in range(feats)] for _ in range(n)]
    y = [float(rng.random() >= 0.5) for _ in range(n)]
    w = [Value(rng.randn(), f"w{k}") for k in range(feats)]
    return list(zip(x, y, strict=True)), w, Value(0.0, "b")


def xent_as_written(x, y, w, b):
    """Return the cross-entropy of one row as the tutorial writes it."""
    p_1 = 1 / (1 + exp(-dot(x, w) - b))  # probability that target = 1
    return -y * log(p_1) - (1 - y) * log(1 - p_1)


def xent(x, y, w, b):
    """Return the same in a form that never overflows, as Theano's optimiser would make of it."""
    return losses.binary_cross_entropy(dot(x, w) + b, y)


def train(rows, w, b, steps):
    """Yield the cost and (w, b) before each step; cost = xent.mean() + 0.01 (w ** 2).sum()."""
    n = len(rows)
    program = compile(
        lambda x, y: xent(x, y, w, b) / n + PENALTY / n * total(v**2 for v in w), [*w, b]
    )
    numbers = [v.data for v in (*w, b)]
    for _ in steps:
        cost, gradient = program.sums(numbers, rows)
        yield cost, numbers
        numbers = [v - RATE * g for v, g in zip(numbers, gradient, strict=True)]


def predict(rows, numbers):
    """Return 1 where p_1 > 0.5, else 0, for each row."""
    *w, b = numbers
    return [int(dot(x, w) + b > 0.0) for x, _ in rows]


def accuracy(rows, numbers):
    """Return the share of the rows that are predicted right."""
    return sum(p == y for p, (_, y) in zip(predict(rows, numbers), rows, strict=True)) / len(rows)


def bits(numbers):
    """Return 0 and 1 as text."""
    return "".join(str(int(v)) for v in numbers)


def logistic_regression(lesson):
    """Train on coin flips: there is nothing to learn, and enough weights learn it by heart."""
    rows, w, b = random_rows(40, 5)
    off = max(abs(xent(x, y, w, b) - xent_as_written(x, y, w, b)).data for x, y in rows)
    lesson.part("Logistic regression: 40 rows of 5 features, 10,000 steps", column="expected")
    path = list(train(rows, w, b, lesson.progress(range(10_001))))
    for steps, expected in COSTS.items():
        lesson.figure(f"cost after {steps:,} steps", expected, path[steps][0])
    lesson.figure("right at first", "0.4", accuracy(rows, path[0][1]))
    lesson.figure("right at the end", "0.625", accuracy(rows, path[-1][1]))
    lesson.claim("the stable cross-entropy is the tutorial's, to 1e-14", off < 1e-14)

    n, feats, steps = (400, 784, 400) if lesson.full else (20, 40, 400)
    rows, w, b = random_rows(n, feats)
    *_, (_, last) = train(rows, w, b, lesson.progress(range(steps + 1)))
    lesson.part(f"With more weights than rows, as there: {n} rows, {feats} features")
    targets, found = [y for _, y in rows], predict(rows, last)
    print(f"  target values for D: {bits(targets[:40])}{'...' if n > 40 else ''}")
    print(f"  prediction on D:     {bits(found[:40])}{'...' if n > 40 else ''}")
    lesson.claim(f"after {steps} steps all are equal, though a coin made them", found == targets)
    if lesson.full:
        try:
            sum(xent_as_written(x, y, w, b) for x, y in rows)
            fails = False
        except ValueError:  # the logarithm of 0
            fails = True
        lesson.claim("as it is written the cost fails here: 1 - p_1 is 0, once rounded", fails)
    some = range(0, 1001, 5)
    lesson.picture("cost", lambda: curves(
        {"cost": (some, [path[k][0] for k in some])},
        "Logistic regression on 40 coin flips", "step", "cost",
    ))  # fmt: skip


# %% 6. Printing and drawing
SYMBOLS = {"greater": "gt", "/": "true_div", "+": "add", "-": "sub", "*": "dot"}  # Theano's
PP = "gt((1 / (1 + exp(((-(x \\dot w)) - b)))), 0.5)"  # with 1 for its TensorConstant{1}
TREE = "gt true_div 1 add 1 exp sub neg dot x w b 0.5"  # debugprint's lines, but its DimShuffle


def pp(v):
    """Return the expression of a Value in one line; what is used twice is written twice."""
    texts = {}
    for z in topological_order(v):
        parts = [texts[operand] for operand in z.args]
        if not parts:
            texts[z] = z.label or digits(z.data)
        elif z.op in INFIX:
            texts[z] = f"({f' {z.op} '.join(parts)})"
        elif z.op == "neg":
            texts[z] = f"(-{parts[0]})"
        else:
            texts[z] = f"{z.op}({', '.join(parts)})"
    return texts[v]


def letters(number):
    """Return A to Z, AA, AB and so on, for 0, 1, 2 ..."""
    text = chr(ord("A") + number % 26)
    return letters(number // 26 - 1) + text if number >= 26 else text


def debugprint(v):
    """Return the expression of a Value as an indented tree: a line for each use of a Value.

    Each Value has one id; what was printed before is printed without its operands.
    """
    ids, lines = {}, []
    todo = [(v, "", " ")]  # with what stands before it, and before the bars of its operands
    while todo:
        z, before, indent = todo.pop()
        operands = () if z in ids else z.args
        name = letters(ids.setdefault(z, len(ids)))
        lines.append(f"{before}{z.op or z.label or digits(z.data)} [id {name}]")
        last = len(operands) - 1
        for k in range(last, -1, -1):
            todo.append((operands[k], indent + "|", indent + ("| " if k < last else "  ")))
    return "\n".join(lines)


def prediction():
    """Return the graph of the prediction for one feature, and its leaves."""
    x, w, b = Value(1.5, "x"), Value(-0.5, "w"), Value(0.25, "b")
    p_1 = 1 / (1 + exp(-(x * w) - b))
    return p_1.greater(0.5), x, w, b


def printing(lesson):
    """Print and draw the prediction, and what training computes."""
    graph, x, w, b = prediction()
    lesson.part("pp(z), debugprint(prediction), pydotprint(prediction), for one feature")
    equal(lesson, "pp(z)", "(x + y)", pp(Value(2.0, "x") + Value(3.0, "y")))
    text = pp(graph)
    print(f"  {text}")
    theirs = PP.replace("gt", "greater").replace("\\dot", "*")
    lesson.claim("this is Theano's line, with * for its \\dot", text == theirs)
    read, _ = expression(text, {v.label: v.data for v in (x, w, b)})
    lesson.claim("expression() reads it back, as the same graph", pp(read) == text)
    tree = debugprint(graph)
    print(tree)
    found = [re.sub(r" \[id .*|[ |]", "", line) for line in tree.splitlines()]
    lesson.claim(
        "these are the lines of Theano's tree, but those for its DimShuffle",
        [SYMBOLS.get(name, name) for name in found] == TREE.split(),
    )
    found = debugprint(sigmoid(x) * sigmoid(x))
    lesson.claim("two Values have two ids", "[id C]" in found and "[id D]" in found)
    v = sigmoid(x)
    once = " |sigmoid [id B]\n | |x [id C]\n |sigmoid [id B]"
    lesson.claim("one that is used twice has one", debugprint(v * v) == f"* [id A]\n{once}")

    order = topological_order(graph)
    source = draw(graph, derivatives=False).source
    nodes = re.findall(r"^\t(n\d+) \[", source, re.MULTILINE)
    lesson.claim(
        "the drawing has a node for each Value, an arrow for each operand, and names x, w and b",
        len(nodes) == len(order)
        and source.count("->") == sum(len(v.args) for v in order)
        and all(f"<B>{v.label}</B>" in source for v in (x, w, b)),
    )
    for kind in ("dot", "svg"):
        lesson.picture(f"prediction.{kind}", graph, derivatives=False)

    print("\nAfter compilation: what training computes for a row of one feature")
    program = compile(lambda x, y: xent([x], y, [w], b), [w, b])
    program(x.data, 1.0)
    print(program.source.split("\n\n\n")[1].rstrip())
    _, x, w, b = prediction()  # with fresh leaves: training has left its gradients in the others
    gw, _ = gradient(xent([x], Value(1.0, "y"), [w], b), [w, b])
    gw.label = "gw"
    lesson.picture("train.svg", w - RATE * gw, derivatives=False)


# %% Exercises
def check_square(square):
    """square(a, b): of two lists of numbers, the list of a**2 + b**2 + 2 * a * b, number by number:
    the tutorial's own first exercise."""
    for a, b in (([1.0, 2.0], [4.0, 5.0]), ([0.0, -1.0, 3.0], [2.0, 1.0, 0.5])):
        right = [(v + w) ** 2 for v, w in zip(a, b, strict=True)]
        found = square(a, b)
        if len(found) != len(right) or max(map(abs, map(float.__sub__, found, right))) > 1e-12:
            return f"of {a} and {b} it is {right}, not {found}"
    return None


def check_state(state):
    """state: its number after state.data = -1.0, accumulator(10.0), decrementor(4.0), and
    skip_shared(1.0, 3.0)."""
    if state == -1.0 + 10.0 - 4.0:
        return None
    return f"not {state}; what does skip_shared leave in it?"


def check_rop(rop):
    """rop(x, W, V): with plain numbers, the derivative of the list x W when W moves along V, where
    W and V are lists of rows."""
    x, w, v = [1.0, -2.0], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[0.5, 0.0, 1.0], [1.0, 2.0, 0.0]]
    _, right = jvp(lambda w: times(x, w), (w,), (v,))
    found = rop(x, w, v)
    if len(found) != len(right) or max(map(abs, map(float.__sub__, found, right))) > 1e-12:
        return f"of {x}, W = {w}, V = {v} it is {right}, not {found}; x W is linear in W"
    return None


def check_read(read):
    """read(x): the function of a Value of which pp() is ((x * tanh((x + 1))) - (x ** 2))."""
    right, found = "((x * tanh((x + 1))) - (x ** 2))", pp(read(Value(0.5, "x")))
    return None if found == right else f"yours is {found}"


# %% All of it
def main(lesson):
    """Go through the pages of the tutorial."""
    adding(lesson)
    examples(lesson)
    shared(lesson)
    gradients(lesson)
    higher(lesson)
    logistic_regression(lesson)
    printing(lesson)


if __name__ == "__main__":
    run(main, [check_square, check_state, check_rop, check_read])
