"""CSV files and their faults, NumPy's legacy random numbers, moons, splits, scaling, batches."""

import gzip
import math
import random
from collections import Counter
from pathlib import Path

import pytest

from microgradnet.data import LegacyRandom, Scaler, batches, moons, read_csv, split

IRIS = Path(__file__).parents[1] / "demos" / "data" / "iris.csv"
GOOD = b"width,height,kind\n1,2.5,b\n-3e2,4,a\n"


def written(tmp_path, content) -> Path:
    """Return a new file with the content."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    return path


# ---- read_csv ----------------------------------------------------------------------------------


def test_a_table_has_points_and_class_indices(tmp_path) -> None:
    """The last column is the target; its classes are sorted as text."""
    table = read_csv(written(tmp_path, GOOD))
    assert table.features == ["width", "height"]
    assert table.points == [[1.0, 2.5], [-300.0, 4.0]]
    assert (table.target, table.classes, table.targets) == ("kind", ["a", "b"], [1, 0])
    assert table.path == str(tmp_path / "t.csv")


def test_iris_is_read_whole() -> None:
    """150 flowers, 50 of each species."""
    table = read_csv(IRIS)
    assert table.classes == ["setosa", "versicolor", "virginica"]
    assert table.points[0] == [5.1, 3.5, 1.4, 0.2]
    assert Counter(table.targets) == {0: 50, 1: 50, 2: 50}


def test_the_target_is_any_column_by_name(tmp_path) -> None:
    """The other columns keep their order."""
    table = read_csv(written(tmp_path, b"a,k,b\n1,x,2\n3,y,4\n"), target="k")
    assert table.features == ["a", "b"]
    assert table.points == [[1.0, 2.0], [3.0, 4.0]]


def test_numeric_classes_are_in_order_of_size(tmp_path) -> None:
    """10 comes after 9, and 9.0 is the class 9."""
    table = read_csv(written(tmp_path, b"a,k\n1,10\n2,9\n3,9.0\n4,-1\n"))
    assert (table.classes, table.targets) == (["-1", "9", "10"], [2, 1, 1, 0])


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(GOOD),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        GOOD.replace(b"\n", b"\n\n"),
        GOOD.rstrip(),
        b'"width", "height", kind\n1 , "2.5",b \n -3e2,4, "a"\n',
    ],
    ids=["gzip", "BOM", "CRLF", "CR", "blank lines", "no last newline", "quotes and blanks"],
)  # fmt: skip
def test_the_same_table_in_other_clothes(tmp_path, content) -> None:
    """Compression, byte order mark, line ends, blank lines, quotes: nothing of it changes it."""
    table = read_csv(written(tmp_path, content))
    assert table[1:] == (
        ["width", "height"], [[1.0, 2.5], [-300.0, 4.0]], "kind", ["a", "b"], [1, 0],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1 takes two column names or more, not []; the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"a,k\n", "rows below the header"),
        (b"a;k\n1;2\n", "line 1 takes two column names or more, not ['a;k']; separate"),
        (b"a,a,k\n1,2,x\n", "line 1, column 1 takes a name of its own, not 'a'; name the columns"),
        (b"a,,k\n1,2,x\n", "line 1, column 2 takes a name of its own, not ''"),
        (b"a,k\n1,x\n1,2,x\n", "line 3 takes 2 fields, as the header, not 3; quote"),
        (b"a,k\n1,x\n1\n", "line 3 takes 2 fields, as the header, not 1"),
        (b"a,k\n1,x\nred,y\n", "line 3, column 'a' takes a finite number, not 'red'; correct"),
        (b"a,k\n1_0,x\n", "line 2, column 'a' takes a finite number, not '1_0'"),
        (b"a,k\n1,x\n,y\n", "line 3, column 'a' takes a value, not ''; correct it, or remove"),
        (b"a,k\n1,x\nNA,y\n", "line 3, column 'a' takes a value, not 'NA'"),
        (b"a,k\n1,x\n?,y\n", "line 3, column 'a' takes a value, not '?'"),
        (b"a,k\n1,\n", "line 2, column 'k' takes a value, not ''"),
        (b"a,k\nnan,x\n", "line 2, column 'a' takes a value, not 'nan'"),
        (b"a,k\n-inf,x\n", "line 2, column 'a' takes a finite number, not '-inf'"),
        (b"a,k\n1e999,x\n", "line 2, column 'a' takes a finite number, not '1e999'"),
        (b"a,k\n1,x\n\x1b[31m\n2\n", r"line 3 takes 2 fields, as the header, not 1"),
        (b"a,k\n\x1b[31m,y\n", r"takes a finite number, not '\x1b[31m'"),
        (b'a,k\n1,"x\ny"\n\nred,z\n', "line 5, column 'a' takes a finite number, not 'red'"),
        (b'a,k\n1,x\n2,"y\n3,z\n', "line 3 takes fields between commas, but unexpected end"),
        (b"a,k\n1,x\n2,\xff\n", r"line 3 takes text in UTF-8, not b'\xff'; save the file as CSV"),
        (gzip.compress(GOOD)[:-9], "takes a readable file"),
    ],
)
def test_a_fault_is_told_in_one_line(tmp_path, content, told) -> None:
    """File, line, column, the offender and the remedy, whatever the file holds."""
    path = written(tmp_path, content)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_csv(path)
    message = str(caught.value)
    assert told in message
    assert repr(str(path)) in message
    assert message.isprintable()


def test_no_such_column_lists_the_columns(tmp_path) -> None:
    """A wrong target is answered with the names to choose from."""
    with pytest.raises(ValueError, match=r"not 'color'; take one of \['width', 'height', 'kind'\]"):
        read_csv(written(tmp_path, GOOD), target="color")


def test_a_continuous_target_is_refused(tmp_path) -> None:
    """22 different values in 30 rows are a measurement; 20 in 20 may still be classes."""
    rows = [f"1,{min(i, 21)}.5" for i in range(30)]
    with pytest.raises(ValueError, match="takes few classes, not 22 in 30 rows"):
        read_csv(written(tmp_path, "\n".join(["a,k", *rows]).encode()))
    assert len(read_csv(written(tmp_path, "\n".join(["a,k", *rows[:20]]).encode())).classes) == 20


def test_one_class_can_be_read_but_not_trained_on(tmp_path) -> None:
    """A file to test on may hold one class; training asks first."""
    read_csv(written(tmp_path, GOOD)).check_trainable()
    table = read_csv(written(tmp_path, b"a,k\n1,x\n2,x\n"))
    with pytest.raises(ValueError, match=r"column 'k' takes two classes or more, not \['x'\]"):
        table.check_trainable()


def test_a_file_that_cannot_be_read_is_an_os_error(tmp_path) -> None:
    """No such file and a directory keep their exception, with a readable line."""
    with pytest.raises(FileNotFoundError, match=r"no\.csv.*No such file"):
        read_csv(tmp_path / "no.csv")
    with pytest.raises(OSError, match="takes a readable file"):
        read_csv(tmp_path)


# ---- random numbers and moons ------------------------------------------------------------------


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


def test_moons_take_a_generator_and_go_on_with_it() -> None:
    """A LegacyRandom is used as it stands, so that weights can follow from the same one."""
    rng = LegacyRandom(5)
    assert moons(10, 0.1, rng) == moons(10, 0.1, 5)
    assert moons(10, 0.1, rng) != moons(10, 0.1, 5)


@pytest.mark.parametrize(("n", "noise"), [(1, 0.1), (2.5, 0.1), (10, -1.0), (10, math.nan)])
def test_moons_refuse_bad_sizes_and_noise(n, noise) -> None:
    """Two points or more; noise 0 or more."""
    with pytest.raises(ValueError, match=r"moons\(\) takes"):
        moons(n, noise)


# ---- split, Scaler, batches --------------------------------------------------------------------


def test_split_parts_make_the_whole() -> None:
    """Each row is in one part, beside its own target, in the order of the data."""
    points, targets = list(range(20)), [i % 2 for i in range(20)]
    train, test = split(points, targets, test=0.3, seed=1)
    assert (len(train[0]), len(test[0])) == (14, 6)
    assert sorted(train[0] + test[0]) == points
    for part in (train, test):
        assert part[0] == sorted(part[0])
        assert part[1] == [i % 2 for i in part[0]]


def test_split_keeps_the_shares_of_classes() -> None:
    """90 and 10 rows at 20 %: 18 and 2 to test."""
    (_, _), (_, tested) = split(range(100), [int(i >= 90) for i in range(100)], test=0.2)
    assert Counter(tested) == {0: 18, 1: 2}


def test_split_has_each_class_in_both_parts() -> None:
    """A class of two rows is in both parts, a class of one is trained on."""
    for seed in range(20):
        targets = [0] * 30 + [1] * 2 + [2]
        (_, trained), (_, tested) = split(range(33), targets, test=0.1, seed=seed)
        assert (set(trained), set(tested)) == ({0, 1, 2}, {0, 1})


def test_split_is_decided_by_the_seed() -> None:
    """The same seed gives the same parts, another seed others."""
    parts = [split(range(50), [0] * 50, seed=seed) for seed in (3, 3, 4)]
    assert parts[0] == parts[1] != parts[2]


def test_split_takes_targets_that_are_all_different() -> None:
    """Numbers to predict are no classes, and are split too."""
    _, (tested, _) = split(range(10), [i / 7 for i in range(10)], test=0.5)
    assert len(tested) == 5


@pytest.mark.parametrize(
    ("n", "test"), [(10, 0.0), (10, 1.0), (10, 0.01), (1, 0.5), (10, math.nan)]
)
def test_split_refuses_an_empty_part(n, test) -> None:
    """Both parts hold a row, or it is an error."""
    with pytest.raises(ValueError, match="leaves some of"):
        split(range(n), [0] * n, test=test)


def test_split_refuses_unequal_lengths() -> None:
    """Three points and two targets are a mistake."""
    with pytest.raises(ValueError, match="not 2 for 3 points"):
        split([1, 2, 3], [0, 1])


def test_a_scaler_gives_mean_0_and_deviation_1_and_goes_back() -> None:
    """On iris: the population's deviation, and the inverse to rounding."""
    points = read_csv(IRIS).points
    scaler = Scaler.fit(points)
    scaled = scaler.transform(points)
    for column in zip(*scaled, strict=True):
        assert math.fsum(column) / 150 == pytest.approx(0.0, abs=1e-14)
        assert math.fsum(v * v for v in column) / 150 == pytest.approx(1.0, abs=1e-14)
    for row, expected in zip(scaler.inverse(scaled), points, strict=True):
        assert row == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("value", [0.1, 0.0, -1e300, 5e-324])
def test_a_constant_column_becomes_0(value) -> None:
    """Its deviation counts as 1, though the rounded mean of three 0.1 is not 0.1."""
    scaler = Scaler.fit([[value]] * 3)
    assert scaler == ([value], [1.0])
    assert scaler.transform([[value], [value + 2.0]])[0] == [0.0]


def test_a_scaler_takes_columns_of_any_size() -> None:
    """Squares of 1e200 and 1e-200 would leave the range of floats."""
    for size in (1e200, 1e-200):
        assert Scaler.fit([[size], [-size]]).transform([[size]]) == [[pytest.approx(1.0)]]


@pytest.mark.parametrize("rows", [[], [[1.0], [1.0, 2.0]], [[1.0], [math.nan]]])
def test_a_scaler_refuses_what_has_no_columns_of_numbers(rows) -> None:
    """No rows, ragged rows and nan are errors."""
    with pytest.raises(ValueError, match=r"Scaler\.fit\(\) takes"):
        Scaler.fit(rows)


def test_a_scaler_refuses_rows_of_another_width() -> None:
    """Both sizes are in the message."""
    with pytest.raises(ValueError, match=r"rows of 2 numbers, not \[1\.0\]"):
        Scaler.fit([[1.0, 2.0]]).transform([[1.0]])


def test_batches_hold_all_data_once() -> None:
    """Ten rows in fours: 4, 4, 2, shuffled, the data as they were."""
    data = list(range(10))
    parts = list(batches(data, 4, random.Random(0)))
    assert [len(part) for part in parts] == [4, 4, 2]
    rows = [row for part in parts for row in part]
    assert sorted(rows) == data == list(range(10))
    assert rows != data


def test_a_batch_may_be_larger_than_the_data() -> None:
    """It then holds all; of no data there is none."""
    assert [len(part) for part in batches([1, 2, 3], 100, random.Random(0))] == [3]
    assert list(batches([], 5, random.Random(0))) == []


@pytest.mark.parametrize("size", [0, -1, 1.5, None])
def test_a_bad_batch_size_is_refused_at_once(size) -> None:
    """The error comes with the call, not with the first batch."""
    with pytest.raises(ValueError, match="takes a size of 1 or more"):
        batches([1, 2], size, random.Random(0))
