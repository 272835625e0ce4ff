"""Make small data sets to learn on: two moons, circles, spirals, blobs, XOR.

>>> points, targets = moons(200, noise=0.2, seed=0)
>>> points[0], targets[0]
([0.7434611761955393, 0.46465632837724596], 0)
>>> xor(4, noise=0.0)
([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])

Each takes a seed, or a LegacyRandom to go on with, and draws NumPy's legacy random numbers: where
scikit-learn or a course has the same data set, its numbers come out.
"""

import math
import random
import sys
from collections.abc import MutableSequence, Sequence
from typing import Any

from microgradnet.errors import explained, show, wrong

Toy = tuple[list[list[float]], list[int]]  # points, and the class of each


class LegacyRandom(random.Random):
    """NumPy's legacy random numbers, bit for bit: `np.random.seed(seed)` and what follows.

    random(), randn() and shuffle() are NumPy's; the rest comes from random.Random.

    >>> LegacyRandom(0).randn(), LegacyRandom(0).random()
    (1.764052345967664, 0.5488135039273248)
    """

    def __init__(self, seed: int) -> None:
        if not isinstance(seed, int) or not 0 <= seed < 2**32:
            rule = "LegacyRandom() takes a seed from 0 to 2**32 - 1"
            raise ValueError(f"{rule}, not {show(seed)}; take a whole number such as 0")
        super().__init__()
        state = [seed]
        for i in range(1, 624):  # init_genrand of Matsumoto and Nishimura, 2002
            state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
        self.setstate((3, (*state, 624), None))
        self._spare: float | None = None

    def randn(self) -> float:
        """Return the next of np.random.randn(): normal, by Marsaglia's polar method."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        square = 0.0
        while not 0.0 < square < 1.0:
            first, second = 2.0 * self.random() - 1.0, 2.0 * self.random() - 1.0
            square = first * first + second * second
        factor = math.sqrt(-2.0 * math.log(square) / square)
        self._spare = factor * first
        return factor * second

    @explained
    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Shuffle a list in place as np.random.shuffle() does."""
        if not hasattr(x, "__setitem__"):
            raise wrong("shuffle()", "a list, which is changed", x, "make it one with list()")
        for i in range(len(x) - 1, 0, -1):
            while (j := self.getrandbits(32) & ((1 << i.bit_length()) - 1)) > i:
                pass
            x[i], x[j] = x[j], x[i]


@explained
def permutation(n: int, seed: int | LegacyRandom = 0) -> list[int]:
    """Return 0 to n - 1 in a random order: that of np.random.RandomState(seed).permutation(n).

    >>> permutation(10, seed=0)
    [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]
    """
    if not _is_count(n) or n < 0:
        raise wrong("permutation()", "a count of 0 or more", n, "count what is to be ordered")
    order = list(range(n))
    _generator(seed).shuffle(order)
    return order


@explained
def moons(n: int = 100, noise: float = 0.1, seed: int | LegacyRandom = 0) -> Toy:
    """Return n points [x, y] on two half circles that interlock, and the circle of each, 0 or 1.

    They are those of scikit-learn's make_moons(n, noise=noise, random_state=seed), to 1e-15.
    ValueError below two points, or where the noise is negative or not finite.
    """
    _check("moons", n, noise)
    outer, inner = _steps(0.0, math.pi, n // 2), _steps(0.0, math.pi, n - n // 2)
    points = [[math.cos(angle), math.sin(angle)] for angle in outer]
    points += [[1.0 - math.cos(angle), 1.0 - math.sin(angle) - 0.5] for angle in inner]
    return _shuffled_and_noisy(points, n // 2, noise, _generator(seed))


@explained
def circles(
    n: int = 100, noise: float = 0.05, factor: float = 0.8, seed: int | LegacyRandom = 0
) -> Toy:
    """Return n points [x, y] on two circles, and the circle of each: 0 of radius 1, 1 of `factor`.

    They are those of scikit-learn's make_circles(n, noise=noise, factor=factor, random_state=seed),
    to 1e-15. ValueError as of moons(), and where the factor is not from 0 to below 1.
    """
    _check("circles", n, noise)
    if not _is_real(factor) or not 0.0 <= factor < 1.0:
        raise wrong("circles()", "a factor from 0 to below 1", factor, "try 0.5")
    points = []
    for count, radius in ((n // 2, 1.0), (n - n // 2, factor)):
        angles = [i * (2.0 * math.pi / count) for i in range(count)]
        points += [[math.cos(angle) * radius, math.sin(angle) * radius] for angle in angles]
    return _shuffled_and_noisy(points, n // 2, noise, _generator(seed))


@explained
def spiral(n: int = 300, classes: int = 3, noise: float = 0.2, seed: int | LegacyRandom = 0) -> Toy:
    """Return n points [x, y] on arms that wind around the origin, and the arm of each.

    They are those of the case study in Stanford's CS231n after np.random.seed(seed), to 1e-15 (it
    has 3 arms of 100): arm by arm, from the centre outwards, the noise on the angle. Where the
    classes do not divide n, the first arms have a point more. ValueError below two classes, and
    where a class would have no point.
    """
    if not _is_count(classes) or classes < 2:
        raise wrong("spiral()", "two classes or more", classes, "try 3")
    _check("spiral", n, noise, classes, "a point per class or more")
    rng, points, targets = _generator(seed), [], []
    for arm, count in enumerate(_shares(n, classes)):
        angles = [a + rng.randn() * noise for a in _steps(4.0 * arm, 4.0 * (arm + 1), count)]
        for radius, angle in zip(_steps(0.0, 1.0, count), angles, strict=True):
            points.append([radius * math.sin(angle), radius * math.cos(angle)])
        targets += [arm] * count
    return points, targets


@explained
def blobs(
    n: int = 100, centers: int | Sequence[Sequence[float]] = 3, noise: float = 1.0,
    seed: int | LegacyRandom = 0,
) -> Toy:  # fmt: skip
    """Return n points around centres, normal with the deviation `noise`, and the centre of each.

    `centers` counts them, each drawn from the square of -10 to 10, or lists them, in any dimension.
    The points are those of scikit-learn's make_blobs(n, centers=centers, cluster_std=noise,
    random_state=seed), to the bit. ValueError where a centre would have no point.
    """
    count = centers if isinstance(centers, int) else len(centers)
    if isinstance(centers, bool) or count < 1:
        raise wrong("blobs()", "one centre or more", centers, "try 3")
    _check("blobs", n, noise, count, "a point per centre or more")
    rng = _generator(seed)
    if isinstance(centers, int):
        centers = [[-10.0 + 20.0 * rng.random() for _ in range(2)] for _ in range(count)]
    elif not all(isinstance(center, Sequence) and center for center in centers):
        raise wrong("blobs()", "a list of numbers per centre", centers, "write [[0.0, 1.0]]")
    elif len(set(map(len, centers))) > 1 or not all(_is_real(v) for at in centers for v in at):
        rule = "centres of as many finite numbers each"
        raise wrong("blobs()", rule, centers, "write [[0.0, 1.0]]")
    points, targets = [], []
    for number, (center, share) in enumerate(zip(centers, _shares(n, count), strict=True)):
        points += [[v + noise * rng.randn() for v in center] for _ in range(share)]
        targets += [number] * share
    order = permutation(n, rng)
    return [points[i] for i in order], [targets[i] for i in order]


@explained
def xor(n: int = 100, noise: float = 0.1, seed: int | LegacyRandom = 0) -> Toy:
    """Return n points [x, y] at the corners of a square, and x XOR y of each corner, 0 or 1.

    The corners (0, 0), (0, 1), (1, 0), (1, 1) come in turn, the noise is normal: without it, four
    points are the truth table. ValueError below four points, or of the noise as of moons().
    """
    _check("xor", n, noise, 4, "four points or more")
    rng = _generator(seed)
    corners = [(i // 2 % 2, i % 2) for i in range(n)]
    return [[v + noise * rng.randn() for v in at] for at in corners], [x ^ y for x, y in corners]


# ---- what they share ---------------------------------------------------------------------------


def _shuffled_and_noisy(
    points: list[list[float]], first: int, noise: float, rng: LegacyRandom
) -> Toy:
    # As scikit-learn: the order is drawn before the noise. The `first` points are of class 0.
    order = permutation(len(points), rng)
    noisy = [[v + noise * rng.randn() for v in points[i]] for i in order]
    return noisy, [int(i >= first) for i in order]


def _steps(start: float, stop: float, n: int) -> list[float]:
    """Return n equal steps from start to stop, as np.linspace() rounds them."""
    step = (stop - start) / max(n - 1, 1)
    return [i * step + start for i in range(max(n - 1, 1))] + [stop] * (n > 1)


def _shares(n: int, count: int) -> list[int]:
    return [n // count + (i < n % count) for i in range(count)]


def _generator(seed: int | LegacyRandom) -> LegacyRandom:
    return seed if isinstance(seed, LegacyRandom) else LegacyRandom(seed)


def _check(
    name: str, n: int, noise: float, least: int = 2, rule: str = "two points or more"
) -> None:
    if not _is_count(n) or n < least:
        raise wrong(f"{name}()", rule, n, "take more points, such as n=100")
    if not _is_real(noise) or noise < 0.0:
        raise wrong(f"{name}()", "a noise of 0 or more", noise, "try 0.1")


def _is_count(n: object) -> bool:
    return isinstance(n, int) and not isinstance(n, bool) and n <= sys.maxsize


def _is_real(v: object) -> bool:
    return isinstance(v, int | float) and math.isfinite(v)
