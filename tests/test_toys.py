"""NumPy's legacy random numbers, and the toy data that scikit-learn and CS231n have."""

import math

import pytest

from microgradnet.toys import LegacyRandom, blobs, circles, moons, permutation, spiral, xor

# ---- random numbers ----------------------------------------------------------------------------


def test_legacy_random_gives_numpys_first_numbers() -> None:
    """np.random.seed(0) is followed by these, to the bit."""
    rng = LegacyRandom(0)
    assert [rng.random() for _ in range(2)] == [0.5488135039273248, 0.7151893663724195]
    rng, items = LegacyRandom(0), list(range(10))
    assert [rng.randn() for _ in range(3)] == [
        1.764052345967664, 0.4001572083672233, 0.9787379841057392,
    ]  # fmt: skip
    LegacyRandom(0).shuffle(items)
    assert items == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]


@pytest.mark.parametrize("seed", [0, 1, 42, 1337, 2**32 - 1])
def test_legacy_random_is_numpys(seed) -> None:
    """A long mixture of calls gives the same bits."""
    numpy = pytest.importorskip("numpy")
    ours, theirs = LegacyRandom(seed), numpy.random.RandomState(seed)
    for n in (1, 2, 63, 64, 65, 700):
        assert [ours.randn() for _ in range(n)] == theirs.randn(n).tolist()
        assert [ours.random() for _ in range(n)] == theirs.random_sample(n).tolist()
        items, array = list(range(n)), numpy.arange(n)
        ours.shuffle(items)
        theirs.shuffle(array)
        assert items == array.tolist()


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, "1", None])
def test_a_bad_seed_is_refused(seed) -> None:
    """As in NumPy, a seed is a whole number of 32 bits."""
    with pytest.raises(ValueError, match="takes a seed from 0"):
        LegacyRandom(seed)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1309])
def test_permutations_are_numpys(n) -> None:
    """np.random.RandomState(seed).permutation(n), which the lessons split with."""
    numpy = pytest.importorskip("numpy")
    for seed in (0, 42):
        assert permutation(n, seed) == numpy.random.RandomState(seed).permutation(n).tolist()


@pytest.mark.parametrize("n", [-1, 2.5, True, "3"])
def test_a_permutation_refuses_what_is_no_count(n) -> None:
    """0 or more, and a whole number."""
    with pytest.raises(ValueError, match="takes a count of 0 or more"):
        permutation(n)


# ---- moons -------------------------------------------------------------------------------------


def test_moons_are_those_of_scikit_learn() -> None:
    """make_moons(200, noise=0.2) after np.random.seed(0), as in the WildML notebook."""
    points, targets = moons(200, noise=0.20, seed=0)
    published = [[0.7434611761955393, 0.46465632837724596], [1.6575566177861694, -0.63203156909789]]
    for point, expected in zip(points, published, strict=False):
        assert point == pytest.approx(expected, abs=1e-15)
    assert targets[:3] == [0, 1, 1]
    assert sum(targets) == 100
    means = [math.fsum(column) / 200 for column in zip(*points, strict=True)]
    assert means == pytest.approx([0.48592345, 0.25886688], abs=1e-8)


@pytest.mark.parametrize(("n", "noise", "seed"), [(100, 0.1, 1337), (7, 0.0, 1), (2, 1.0, 2)])
def test_moons_follow_scikit_learns_formula_on_numpy(n, noise, seed) -> None:
    """The body of make_moons on NumPy's own generator, as micrograd's demo calls it (1337)."""
    np = pytest.importorskip("numpy")
    rng = np.random.RandomState(seed)
    outer, inner = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    xs = np.append(np.cos(outer), 1 - np.cos(inner))
    ys = np.append(np.sin(outer), 1 - np.sin(inner) - 0.5)
    order = np.arange(n)
    rng.shuffle(order)
    expected = np.vstack([xs, ys]).T[order]
    expected += rng.normal(scale=noise, size=expected.shape)
    points, targets = moons(n, noise, seed)
    assert np.abs(np.array(points) - expected).max() < 1e-15  # NumPy's cos may differ in a bit
    assert targets == (order >= n // 2).tolist()


# ---- circles, spiral, blobs --------------------------------------------------------------------


def test_circles_are_those_of_scikit_learn() -> None:
    """make_circles(100, noise=0.05, factor=0.5, random_state=0) of scikit-learn 1.9.1."""
    points, targets = circles(100, noise=0.05, factor=0.5, seed=0)
    published = [
        [-0.9708450313909954, -0.1267317927377933],
        [-0.019891165668748725, -0.45880462050740506],
    ]
    for point, expected in zip(points, published, strict=False):
        assert point == pytest.approx(expected, abs=1e-15)
    assert targets[:6] == [0, 1, 0, 1, 1, 1]
    assert sum(targets) == 50


def test_circles_without_noise_have_their_radius() -> None:
    """Of 7 points, 3 are on the unit circle and 4 on that of the factor."""
    points, targets = circles(7, noise=0.0, factor=0.3, seed=1)
    for point, target in zip(points, targets, strict=True):
        assert math.hypot(*point) == pytest.approx(0.3 if target else 1.0, abs=1e-15)
    assert sum(targets) == 4


def test_the_spiral_is_that_of_cs231n() -> None:
    """np.random.seed(0) and the notebook's loop over 3 classes of 100, computed with NumPy 2.4."""
    points, targets = spiral()
    assert targets == [0] * 100 + [1] * 100 + [2] * 100
    assert points[0] == [0.0, 0.0]
    assert points[1] == pytest.approx([0.0012135812756681982, 0.010027842517114818], abs=1e-15)
    assert points[299] == pytest.approx([-0.47270638487404987, 0.8812199916588971], abs=1e-15)
    sums = [math.fsum(column) for column in zip(*points, strict=True)]
    assert sums == pytest.approx([-3.827327625792129, -5.788499923146054], abs=1e-12)


def test_the_spiral_follows_cs231ns_code_on_numpy() -> None:
    """The loop as the course notes print it, with four arms."""
    np = pytest.importorskip("numpy")
    rng = np.random.RandomState(7)
    points, targets = spiral(200, classes=4, noise=0.3, seed=7)
    for arm in range(4):
        radius = np.linspace(0.0, 1, 50)
        angle = np.linspace(arm * 4, (arm + 1) * 4, 50) + rng.randn(50) * 0.3
        expected = np.c_[radius * np.sin(angle), radius * np.cos(angle)]
        part = np.array(points[50 * arm : 50 * arm + 50])
        assert np.abs(part - expected).max() < 1e-15
        assert targets[50 * arm : 50 * arm + 50] == [arm] * 50


def test_blobs_are_those_of_scikit_learn() -> None:
    """make_blobs(100, centers=3, random_state=0) of scikit-learn 1.9.1, to the bit."""
    points, targets = blobs(100, centers=3, seed=0)
    assert points[:2] == [
        [2.631858338047819, 0.6893649043599419], [0.08080351735281943, 4.690689825307652],
    ]  # fmt: skip
    assert targets[:6] == [1, 0, 1, 0, 0, 0]
    assert [targets.count(k) for k in range(3)] == [34, 33, 33]


def test_blobs_may_lie_around_given_centres() -> None:
    """In any dimension; without noise each point is its centre."""
    centers = [[0.0, 0.0, 5.0], [1.0, -2.0, 3.0]]
    points, targets = blobs(5, centers, noise=0.0, seed=3)
    assert points == [centers[k] for k in targets]
    assert sorted(targets) == [0, 0, 0, 1, 1]


def test_xor_is_the_truth_table_with_noise() -> None:
    """Each corner in turn, x XOR y as its class, and points near it."""
    points, targets = xor(101, noise=0.05, seed=2)
    for k, ((x, y), target) in enumerate(zip(points, targets, strict=True)):
        assert (round(x), round(y)) == (k // 2 % 2, k % 2)
        assert target == round(x) ^ round(y)
    assert len({x for x, _ in points}) == 101


@pytest.mark.parametrize("make", [moons, circles, spiral, blobs, xor])
def test_a_toy_is_decided_by_its_seed(make) -> None:
    """The same points for the same seed, others for another, and a generator is gone on with."""
    assert make(30, noise=0.1, seed=1) == make(30, noise=0.1, seed=1)
    assert make(30, noise=0.1, seed=1) != make(30, noise=0.1, seed=2)
    rng = LegacyRandom(1)
    assert make(30, noise=0.1, seed=rng) == make(30, noise=0.1, seed=1)
    assert make(30, noise=0.1, seed=rng) != make(30, noise=0.1, seed=1)


@pytest.mark.parametrize("make", [moons, circles, spiral, blobs, xor])
@pytest.mark.parametrize(
    "options",
    [
        {"n": 1}, {"n": 0}, {"n": -5}, {"n": 10.0}, {"n": True}, {"n": "10"}, {"noise": -0.1},
        {"noise": math.nan}, {"noise": math.inf}, {"noise": None}, {"noise": "0.1"},
    ],
)  # fmt: skip
def test_a_toy_refuses_bad_sizes_and_noise(make, options) -> None:
    """Enough points for each class, and noise from 0 up: ValueError that names the function."""
    with pytest.raises(
        ValueError, match=rf"{make.__name__}\(\) takes .*, not {next(iter(options.values()))!r}; "
    ):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (circles, {"factor": 1.0}, "takes a factor from 0 to below 1, not 1.0"),
        (circles, {"factor": -0.1}, "takes a factor from 0 to below 1"),
        (circles, {"factor": None}, "takes a factor from 0 to below 1"),
        (spiral, {"classes": 1}, "takes two classes or more, not 1"),
        (spiral, {"classes": 2.5}, "takes two classes or more, not 2.5"),
        (spiral, {"n": 3, "classes": 4}, "takes a point per class or more, not 3"),
        (blobs, {"centers": 0}, "takes one centre or more, not 0"),
        (blobs, {"centers": []}, "takes one centre or more"),
        (blobs, {"centers": True}, "takes one centre or more, not True"),
        (blobs, {"n": 2}, "takes a point per centre or more, not 2"),
        (blobs, {"centers": [1, 2]}, "takes a list of numbers per centre, not"),
        (blobs, {"centers": [[]]}, "takes a list of numbers per centre, not"),
        (blobs, {"centers": [[1, 2], [3]]}, "takes centres of as many finite numbers each"),
        (blobs, {"centers": [[1, math.inf]]}, "takes centres of as many finite numbers each"),
        (xor, {"n": 3}, "takes four points or more, not 3"),
    ],
)  # fmt: skip
def test_a_toy_refuses_what_it_cannot_make(make, options, told) -> None:
    """Each says what it takes."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make(**options)
    assert told in str(caught.value)
