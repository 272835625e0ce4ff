"""The chain rule, link by link: what Khan Academy writes on the blackboard, read off a graph.

    python demos/04_chain_rule.py [--check answers.py]

system: Khan Academy, "Chain rule" (AP Calculus AB, unit 3)
takes: 1 s

The derivative of a function of a function is outer'(inner) * inner'. A graph of Values knows both
factors of every link, as a formula and as a number: here they are written down, multiplied, drawn,
and differentiated again.

ends with: all 26 figures reached
"""

import math

from microgradnet import Value, compile, explain, gradcheck, gradient
from microgradnet.expressions import expression
from microgradnet.figures import curves
from microgradnet.lessons import run
from microgradnet.naming import bracketed, digits

# %% 1. The exercises
# The first two are worked on video, the others are of the kind that is left to the student.
EXERCISES = {
    "cos³(x)": lambda x: x.cos() ** 3,
    "(sin x²)³": lambda x: (x**2).sin() ** 3,
    "√(3x² - x)": lambda x: (3 * x**2 - x).sqrt(),
    "ln(sin x)": lambda x: x.sin().log(),
    "(5 - 6x)⁵": lambda x: (5 - 6 * x) ** 5,
}
ON_VIDEO = {  # the answers there
    "cos³(x)": ("-3 cos²(x) sin(x)", lambda x: -3 * math.cos(x) ** 2 * math.sin(x)),
    "(sin x²)³": (
        "3 (sin x²)² cos(x²) 2x",
        lambda x: 3 * math.sin(x**2) ** 2 * math.cos(x**2) * 2 * x,
    ),
}
EXPECTED = {  # f, f' and f'' at x = 1
    "cos³(x)": ("0.157728605251", "-0.736943244651", "1.822256387950"),
    "(sin x²)³": ("0.595823236591", "2.295442203703", "1.041109321818"),
    "√(3x² - x)": ("1.414213562373", "1.767766952966", "-0.088388347648"),
    "ln(sin x)": ("-0.172603746269", "0.642092615934", "-1.412282927437"),
    "(5 - 6x)⁵": ("-1", "-30", "-720"),
}


# %% 2. The chain, in formulas and in numbers
def formula(step):
    """Return outer'(inner) of one link, such as 3 * cos(x) ** 2."""
    return step.formula.partition(" = ")[2]


def chain(y, x):
    """Return dy/dx as text: outer'(inner) * inner', and a sum where several ways lead to x."""
    links = {}
    for step in explain(y, x).steps:
        links.setdefault(step.node, []).append(step)

    def derivative(outer):
        terms = []
        for step in links[outer]:
            factors = [bracketed(formula(step))] if formula(step) != "1" else []
            factors += [derivative(step.operand)] if step.operand is not x else []
            terms.append(" * ".join(factors) or "1")
        text = " + ".join(terms)
        return text if len(terms) == 1 else f"({text})"

    return derivative(y)


def on_the_blackboard(name, f):
    """Print the links from y down to x at x = 1, and their product."""
    x = Value(1.0, "x")
    y = f(x)
    whole = explain(y, x)
    print(f"\ny = {name}")
    for step in whole.steps:
        link = f"d({whole.names(step.node)}) / d({whole.names(step.operand)})"
        print(f"  {link:<33} = {formula(step):<22} = {digits(step.local)}")
    ways = [" * ".join(map(digits, numbers)) for _, numbers, _ in whole.paths]
    print(f"  dy/dx = {chain(y, x)}")
    print(f"        = {' + '.join(ways)} = {digits(whole.gradient)}")


def work(lesson):
    """Solve every exercise at x = 1, link by link, and compare; the second derivatives too."""
    lesson.part("On the blackboard, at x = 1: the links from the outermost function to x")
    for name, f in EXERCISES.items():
        on_the_blackboard(name, f)

    lesson.part("The function, its slope, and the slope of that: gradient of gradient", "expected")
    for name, f in EXERCISES.items():
        x = Value(1.0, "x")
        y = f(x)
        (slope,) = gradient(y, [x])
        (bend,) = gradient(slope, [x])
        for what, expected, ours in zip(
            ("y", "dy/dx", "d²y/dx²"), EXPECTED[name], (y, slope, bend), strict=True
        ):
            lesson.figure(f"{what} of {name}", expected, ours.data)


# %% 3. Are the formulas right?
PLACES = [0.6 + k / 100 for k in range(101)]  # from 0.6 to 1.6: all five functions have values


def slope_at(f, place):
    """Return the derivative of a function of a Value, as a number."""
    x = Value(place)
    return gradient(f(x), [x])[0].data


def compare(lesson):
    """Hold the texts to the answers on video, to themselves, and to finite differences."""
    lesson.part("Are the formulas right?")
    for name, (text, answer) in ON_VIDEO.items():
        off = max(abs(slope_at(EXERCISES[name], place) - answer(place)) for place in PLACES)
        lesson.claim(f"{name} has the slope that the video finds, {text}", off < 1e-12)
    off = 0.0
    for f in EXERCISES.values():
        x = Value(1.0, "x")
        read_back, _ = expression(chain(f(x), x), {"x": 1.2})
        off = max(off, abs(read_back.data - slope_at(f, 1.2)))
    lesson.claim(
        "each formula, as text, can be computed elsewhere: at 1.2 it is right", off < 1e-12
    )
    checked = all(gradcheck(f, [1.0], order=2) for f in EXERCISES.values())
    lesson.claim("finite differences agree with all first and second derivatives", checked)


# %% 4. Once more: the derivative is a graph too
def cube_of_cosine(x):
    """Return cos³ at a Value, its slope, and the slope of that."""
    y = x.cos() ** 3
    (slope,) = gradient(y, [x])
    (bend,) = gradient(slope, [x])
    return [y, slope, bend]


def differentiate_again(lesson):
    """Differentiate until nothing is left; print, draw and plot the derivatives of cos³(x)."""
    lesson.part("(5 - 6x)⁵ at x = 1, differentiated until nothing is left", column="power rule")
    x = Value(1.0, "x")
    y = EXERCISES["(5 - 6x)⁵"](x)
    for n in range(1, 7):
        (y,) = gradient(y, [x])
        rule = math.perm(5, n) * (-6) ** n * (5 - 6) ** max(5 - n, 0)
        lesson.figure(f"derivative {n}", rule, y.data)

    lesson.part("The slope of cos³(x) is a graph: backward() on it gives its own slope", "expected")
    x = Value(1.0, "x")
    y, slope, _ = cube_of_cosine(x)
    y.label, slope.label = "y", "dy/dx"
    slope.backward()
    lesson.figure("x.grad", EXPECTED["cos³(x)"][2], x.grad)
    lesson.picture("derivative.svg", slope)

    print("\nAnd the slope of the slope is a program; in it, slope(v, n) is n * v ** (n - 1):")
    program = compile(lambda x: cube_of_cosine(x)[-1])
    program(1.0)
    print(program.source.split("\n\n\n")[1].rstrip())

    xs = [k / 50 for k in range(-157, 158)]
    columns = zip(*compile(cube_of_cosine).map([x] for x in xs), strict=True)
    series = {name: (xs, ys) for name, ys in zip(("f", "f'", "f''"), columns, strict=True)}
    y_name = "f, f' and f''"
    lesson.picture("derivatives", lambda: curves(series, "cos³(x), differentiated", "x", y_name))


# %% Exercises
def check_links(links):
    """links: the three numbers that are multiplied in d/dx (sin x²)³ at x = 2, the outer first."""
    x = Value(2.0)
    right = [s.local for s in explain(EXERCISES["(sin x²)³"](x), x).steps]
    for k, (link, number) in enumerate(zip(links, right, strict=True), 1):
        if not abs(link - number) < 1e-4:
            return f"link {k} is not {link}; take the slope of that function at what goes into it"
    return None


def check_slope(slope):
    """slope(x): with plain numbers and the module math, the derivative of sin(ln(x²))."""
    for place in (0.5, 1.0, 2.0, -3.0):
        right = slope_at(lambda x: (x**2).log().sin(), place)
        if not abs(slope(place) - right) < 1e-9:
            return f"at {place} it is {right:.6g}, not {slope(place)}; there are three links"
    return None


def check_backwards(backwards):
    """backwards(x): a function of a Value of which the derivative is 6x cos(3x²)."""
    for place in (0.3, 1.0, -2.0):
        found, right = slope_at(backwards, place), 6.0 * place * math.cos(3.0 * place**2)
        if not abs(found - right) < 1e-9:
            return (
                f"at {place} its slope is {found:.6g}, not {right:.6g}; which inner has slope 6x?"
            )
    return None


def check_flat(flat):
    """flat: an x between 1 and 5 at which the slope of cos³(x) does not change: f''(x) = 0."""
    if not 1.0 < flat < 5.0:
        return f"{flat} is not between 1 and 5"
    bend = cube_of_cosine(Value(flat))[2].data
    return None if abs(bend) < 1e-4 else f"there f'' is {bend:.4g}; look at the picture, and refine"


# %% All of it
def main(lesson):
    """Solve the exercises, check the formulas, and differentiate again."""
    work(lesson)
    compare(lesson)
    differentiate_again(lesson)


if __name__ == "__main__":
    run(main, [check_links, check_slope, check_backwards, check_flat])
