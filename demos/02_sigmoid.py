"""The sigmoid: what it makes of any number, how steep it is, and why it must not overflow.

    python demos/02_sigmoid.py [--check answers.py]

system: Per Harald Borgen, "Learning How To Code Neural Networks" (2015), step 2
takes: 1 s

The neuron's last step squashes any number into the range from 0 to 1. The article shows the curve;
here are its numbers, its derivative as backward() finds it, and the trap of its formula.

ends with: all 34 figures reached
"""

import math

from microgradnet import Value, functional, gradcheck, gradient
from microgradnet.figures import curves
from microgradnet.lessons import run


# %% 1. The formula, and the derivative that backward() finds
def sigmoid(z):
    """Return the sigmoid of a number and its derivative there."""
    z = Value(z, "z")
    s = z.sigmoid()
    s.backward()
    return s.data, z.grad


SIGMOID = {
    -6: ".0024726232", -5: ".0066928509", -4: ".0179862100", -3: ".0474258732",
    -2: ".1192029220", -1: ".2689414214", -0.5: ".3775406688", 0: ".5000000000",
    0.5: ".6224593312", 1: ".7310585786", 2: ".8807970780", 3: ".9525741268",
    4: ".9820137900", 5: ".9933071491", 6: ".9975273768",
}  # fmt: skip
SLOPE = {  # the same at -z
    0: ".2500000000", 0.5: ".2350037122", 1: ".1966119332", 2: ".1049935854",
    3: ".0451766597", 4: ".0176627062", 5: ".0066480567", 6: ".0024665093",
}  # fmt: skip


def tables(lesson):
    """Compare the curve and its slope at some places."""
    lesson.part("The article's neuron: the sigmoid of 5 is 1, when it is rounded")
    lesson.figure("sigmoid(5), rounded", 1, round(sigmoid(5)[0]))

    lesson.part("sigmoid(z) = 1 / (1 + e^-z)", column="expected")
    for z, expected in SIGMOID.items():
        lesson.figure(f"sigmoid({z})", expected, sigmoid(z)[0])

    lesson.part("Its derivative, by backward()", column="expected")
    for z, expected in SLOPE.items():
        lesson.figure(f"sigmoid'({z})", expected, sigmoid(z)[1])
    report = gradcheck(lambda *zs: functional.total(z.sigmoid() for z in zs), [-5.0, 0.0, 5.0])
    print(report)
    lesson.claim("it is what a small step up and one down measure at -5, 0 and 5", bool(report))


# %% 2. What else it is: places between -6 and 6
PLACES = [k / 20 for k in range(-120, 121)]


def identities(lesson):
    """Hold the curve to what mathematics says of it, at many places."""
    lesson.part("At 241 places from -6 to 6, the largest difference of", column="expected")
    found = {z: sigmoid(z) for z in PLACES}
    apart = {
        "sigmoid(z), (1 + tanh(z/2)) / 2": [
            s - (1 + math.tanh(z / 2)) / 2 for z, (s, _) in found.items()
        ],
        "sigmoid(-z), 1 - sigmoid(z)": [found[-z][0] - (1 - s) for z, (s, _) in found.items()],
        "sigmoid'(z), s * (1 - s)": [slope - s * (1 - s) for s, slope in found.values()],
    }
    for name, differences in apart.items():
        lesson.figure(name, 0.0, max(map(abs, differences)), tolerance=1e-15)
    lesson.claim("it only ever rises", all(slope > 0.0 for _, slope in found.values()))
    steepest = max(found, key=lambda z: found[z][1])
    lesson.claim(
        "it is steepest at 0, and there its slope is 1/4", sigmoid(steepest) == (0.5, 0.25)
    )


# %% 3. Why the formula overflows, and what to write instead
def naive(z):
    """Return the sigmoid as the formula is written."""
    return 1.0 / (1.0 + math.exp(-z))


def overflows(z):
    """Return whether the formula as it is written fails."""
    try:
        naive(z)
    except OverflowError:
        return True
    return False


def extremes(lesson):
    """Go where e^-z is greater than any float."""
    print("\nFar out")
    print("  e^1000 is greater than any float (1.8e308), so 1 / (1 + e^1000) fails,")
    print("  though its value, 5e-435, is as good as 0. The same fraction times e^z,")
    print("  e^z / (1 + e^z), has no large number in it where z is below 0.")
    lesson.claim("the formula fails at -1000", overflows(-1000.0))
    lesson.claim("it fails from -710 on", overflows(-710.0) and not overflows(-709.0))
    lesson.claim("Value.sigmoid() gives 0 at -1000, slope 0", sigmoid(-1000.0) == (0.0, 0.0))
    lesson.claim("Value.sigmoid() gives 1 at 1000, slope 0", sigmoid(1000.0) == (1.0, 0.0))


# %% 4. Pictures: the curve with the article's dot, its slope, and the slope as a graph
def pictures(lesson):
    """Draw the S of the article."""
    curve = [sigmoid(z) for z in PLACES]
    five = sigmoid(5.0)[0]
    print("\nThe curve, turned: z downwards, the sigmoid to the right")
    for z in range(-6, 7):
        note = "  the article's neuron" * (z == 5)
        bar = "=" * round(40 * sigmoid(z)[0])
        print(f"  {z:>2}  {sigmoid(z)[0]:.3f}  {bar}{note}".rstrip())
    lesson.picture("sigmoid", lambda: curves(
        {"sigmoid(z)": (PLACES, [s for s, _ in curve])}, "The sigmoid", "z", "sigmoid(z)",
        marks={f"5: {five:.3f}": (5.0, five)},
    ))  # fmt: skip
    lesson.picture("slope", lambda: curves(
        {"sigmoid'(z)": (PLACES, [slope for _, slope in curve])}, "Its derivative", "z",
        "sigmoid'(z)",
    ))  # fmt: skip
    z = Value(5.0, "z")
    (slope,) = gradient(z.sigmoid(), [z])
    slope.label = "slope"
    slope.backward()
    lesson.picture("slope-graph.svg", slope)


# %% Exercises
def check_stable(stable):
    """stable(z): the sigmoid in plain Python, without this package, from -1000 to 1000."""
    for z in (-1000.0, -700.0, -5.0, 0.0, 0.5, 5.0, 1000.0):
        found, right = stable(z), sigmoid(z)[0]
        if not math.isclose(found, right):
            return f"at {z} it is {found}, and should be {right}"
    return None


def check_slope_of(slope_of):
    """slope_of(s): the derivative at a place where the sigmoid is s, without knowing the place."""
    for z in (-5.0, -1.0, 0.0, 3.0):
        s, right = sigmoid(z)
        if not math.isclose(slope_of(s), right):
            return f"where the sigmoid is {s:.6f} its slope is {right:.6f}, not {slope_of(s)}"
    return None


def check_logit(logit):
    """logit(p): the z at which the sigmoid is p; how sure is a neuron with the sum z?"""
    for z in (-5.0, -1.0, 0.5, 3.0):
        p = sigmoid(z)[0]
        if not math.isclose(logit(p), z):
            return f"of {p:.6f} it is {logit(p)}; solve p = 1 / (1 + e^-z) for z"
    return None


# %% All of it
def main(lesson):
    """Go along the curve, and beyond its ends."""
    tables(lesson)
    identities(lesson)
    extremes(lesson)
    pictures(lesson)


if __name__ == "__main__":
    run(main, [check_stable, check_slope_of, check_logit])
