"""The data sets at hand, splits, scaling, batches, and the names that data.py gathers."""

import gzip
import json
import math
import random
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from microgradnet import data
from microgradnet.data import (
    Encoding,
    LegacyRandom,
    Scaler,
    batches,
    one_hot,
    permutation,
    read_csv,
    read_frame,
    split,
    targets,
)

ROOT = Path(__file__).resolve().parents[1]
IRIS = ROOT / "demos" / "data" / "iris.csv"
TABLES = [entry.name for entry in data.catalogue() if entry.task == "classification"]


# ---- the data sets at hand ---------------------------------------------------------------------


def test_the_catalogue_lists_every_file_and_no_other() -> None:
    """All that lies in demos/data is in it, once; every entry says whose it is."""
    listed = [entry.file for entry in data.catalogue()]
    lying = {path.name for path in (ROOT / "demos" / "data").iterdir()}
    assert len(listed) == len(set(listed))
    assert lying - {"README.md", "catalogue.json"} == set(listed)
    for entry in data.catalogue():
        assert all([entry.name, entry.description, entry.source, entry.licence])
        assert entry.task in {"classification", "text", "weights"}
        assert (entry.target != "") == (entry.task == "classification")


def test_the_readme_of_the_data_agrees_with_the_catalogue() -> None:
    """One line of its table for each data set, made of the same words."""
    text = (ROOT / "demos" / "data" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert rows == [
        f"| {entry.name} | {entry.file} | {entry.rows:,} | {entry.columns or ''} "
        f"| {entry.description} | {entry.source} | {entry.licence} |"
        for entry in data.catalogue()
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_data_set_has_the_size_that_the_catalogue_says(name) -> None:
    """Its rows and columns, counted in the file; its target is one of them."""
    (entry,) = (entry for entry in data.catalogue() if entry.name == name)
    frame = read_frame(data.path(name))
    assert (len(frame), len(frame.names)) == (entry.rows, entry.columns)
    assert {entry.target, *entry.drop} <= set(frame.names)


def test_the_other_files_have_the_size_that_the_catalogue_says() -> None:
    """Names by lines, weights by entries."""
    rows = {entry.name: entry.rows for entry in data.catalogue()}
    assert len(data.path("names").read_text().split()) == rows["names"]
    assert len(json.loads(data.path("initial_weights").read_text())) == rows["initial_weights"]


@pytest.mark.parametrize(
    ("name", "features", "counts"),
    [
        ("iris", 4, {"setosa": 50, "versicolor": 50, "virginica": 50}),
        ("exam_scores", 2, {"0": 40, "1": 60}),
        ("titanic", 5, {"0": 809, "1": 500}),
        ("sms_features", 3, {"0": 4825, "1": 747}),
        ("spam7", 6, {"n": 2788, "y": 1813}),
        ("mnist1000", 196, {str(k): 100 for k in range(10)}),
    ],
)
def test_a_data_set_is_loaded_as_points_and_classes(name, features, counts) -> None:
    """As many classes as are published, in finite numbers."""
    table = data.load(name)
    assert Counter(table.classes[k] for k in table.targets) == counts
    assert len(table.points) == sum(counts.values())
    assert {len(point) for point in table.points} == {features} == {len(table.features)}
    assert all(math.isfinite(v) for point in table.points for v in point)


def test_digits_are_pixels() -> None:
    """1,797 of 64 pixels from 0 to 16: those of scikit-learn, whose first is a zero."""
    table = data.load("digits")
    assert (len(table.points), table.classes) == (1797, [str(k) for k in range(10)])
    assert table.points[0][:8] == [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]
    assert table.targets[:10] == list(range(10))
    assert {v for point in table.points for v in point} == {float(v) for v in range(17)}


@pytest.mark.parametrize("name", ["digits", "mnist1000"])
def test_a_packed_file_says_what_its_columns_are(name) -> None:
    """A header of pixels and the digit, and no time, which would change with each packing."""
    raw = data.path(name).read_bytes()
    assert raw[4:8] == bytes(4)
    names = gzip.decompress(raw).split(b"\n", 1)[0].decode().split(",")
    assert names == [*(f"pixel_{i}" for i in range(len(names) - 1)), "digit"]


def test_numbers_are_loaded_as_read_csv_reads_them() -> None:
    """Where a file has neither text nor gaps, both give the same table."""
    assert data.load("iris") == read_csv(data.path("iris"), "species")
    assert data.load("sms_features") == read_csv(data.path("sms_features"), "spam")


def test_titanic_is_encoded_as_the_published_regression_has_it() -> None:
    """Sex, age with 263 gaps filled by the median 28, class; the numbers of passengers dropped."""
    frame = read_frame(data.path("titanic"))
    assert frame.column("age").count("") == 263
    encoding = Encoding.fit(frame, "survived", drop=["passenger"], missing="fill")
    assert encoding.inputs == ["sex=female", "age", "class=1st", "class=2nd", "class=3rd"]
    assert encoding.columns[1].fill == 28.0
    points = encoding.transform(frame)
    assert [points[15][k] for k in (0, 2, 3, 4)] == [0.0, 1.0, 0.0, 0.0]  # a man of unknown age
    assert points[15][1] == (28.0 - encoding.columns[1].mean) / encoding.columns[1].deviation
    survived = targets(frame, "survived").values
    assert sum(survived) == 500
    right = sum(point[0] == target for point, target in zip(points, survived, strict=True))
    assert right / 1309 == pytest.approx(0.779985, abs=1e-6)  # women survive, men do not
    tested = permutation(1309, seed=0)[891:]
    right = sum(points[i][0] == survived[i] for i in tested)
    assert right / 418 == pytest.approx(0.763158, abs=1e-6)


def test_a_regression_on_titanic_reaches_its_published_weights() -> None:
    """Bias, female, age, 1st, 2nd after 2,000 steps at rate 1 on the first 891 of a permutation."""
    np = pytest.importorskip("numpy")
    frame = read_frame(data.path("titanic"))
    encoding = Encoding.fit(frame, "survived", drop=["passenger"], missing="fill")
    points = np.array([[1.0, *point[:4]] for point in encoding.transform(frame)])
    survived, order = np.array(targets(frame, "survived").values), permutation(1309, seed=0)
    points, survived = points[order], survived[order]
    weights = np.zeros(5)
    for _ in range(2000):
        output = 1 / (1 + np.exp(-points[:891] @ weights))
        weights -= points[:891].T @ (output - survived[:891]) / 891
    assert weights == pytest.approx([-2.415, 2.599, -0.411, 2.239, 0.993], abs=6e-4)
    right = (points @ weights > 0) == survived
    assert right[:891].mean() == pytest.approx(0.797980, abs=1e-6)
    assert right[891:].mean() == pytest.approx(0.760766, abs=1e-6)


def test_the_shipped_weights_are_those_of_the_generator() -> None:
    """Trask's 2 random() - 1 after seed 1, WildML's randn() / sqrt(inputs) after seed 0."""
    weights = json.loads(data.path("initial_weights").read_text())
    rng = LegacyRandom(1)
    assert [2 * rng.random() - 1 for _ in range(3)] == weights["trask_2layer_seed1_syn0_3x1"]
    rng = LegacyRandom(0)
    for name, rows, columns in (("W1", 2, 3), ("W2", 3, 2)):
        drawn = [[rng.randn() / math.sqrt(rows) for _ in range(columns)] for _ in range(rows)]
        assert drawn == weights["wildml_seed0_h3"][name]


@pytest.mark.parametrize("name", ["mnist", "", "../iris", None])
def test_a_data_set_that_is_not_there_is_told(name) -> None:
    """With those that are; a name is never a path."""
    for take in (data.load, data.path):
        with pytest.raises(ValueError, match=r"data has iris, .*, names, .*, not .*; take one"):
            take(name)


@pytest.mark.parametrize("name", ["names", "initial_weights"])
def test_what_has_no_classes_is_not_loaded(name) -> None:
    """The error names the way to its file."""
    told = (
        rf"load\(\) takes a data set of points and classes, not '{name}'; read .*path\('{name}'\)"
    )
    with pytest.raises(ValueError, match=told):
        data.load(name)


def test_the_data_lie_in_the_checkout() -> None:
    """Of an installed package they lie inside it, where the wheel puts them."""
    package = Path(data.__file__).parent
    home = ROOT / "demos" if package.parent == ROOT else package / "_demos"
    assert data.folder() == home / "data"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"demos": "microgradnet/_demos"}


def test_an_installed_package_has_the_data_in_it(tmp_path, monkeypatch) -> None:
    """The folder in the package is found first; without any, the error says where they are not."""
    monkeypatch.setattr(data, "__file__", str(tmp_path / "microgradnet" / "data.py"))
    with pytest.raises(FileNotFoundError, match=r"_demos.*demos.*install microgradnet again"):
        data.folder()
    inside = tmp_path / "microgradnet" / "_demos" / "data"
    inside.mkdir(parents=True)
    (inside / "catalogue.json").write_bytes((IRIS.parent / "catalogue.json").read_bytes())
    assert data.path("iris") == inside / "iris.csv"


def test_data_gathers_what_the_rooms_above_have() -> None:
    """Each name in __all__ is there, and what tables.py and toys.py make is among them."""
    assert all(hasattr(data, name) for name in data.__all__)
    assert data.__all__ == sorted(data.__all__)
    assert {"Encoding", "read_frame", "moons", "spiral", "Scaler", "load"} <= set(data.__all__)


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


def test_split_may_be_plain_random() -> None:
    """Without strata each row has the same chance, and repeated numbers have no more of it."""
    values = [0.5] * 10 + [i / 7 for i in range(90)]
    drawn: Counter[int] = Counter()
    for seed in range(200):
        (_, _), (_, tested) = split(range(100), values, test=0.2, seed=seed, stratify=False)
        assert len(tested) == 20
        drawn[tested.count(0.5)] += 1
    mean = sum(k * count for k, count in drawn.items()) / 200
    assert mean == pytest.approx(2.0, abs=0.3)  # its deviation over 200 draws is 0.08
    assert len(drawn) > 3


def test_split_without_strata_takes_any_targets() -> None:
    """Also lists of numbers, which cannot be counted as classes."""
    train, test = split(range(4), [[0.0], [1.0], [2.0], [3.0]], test=0.25, stratify=False)
    assert sorted(train[1] + test[1]) == [[0.0], [1.0], [2.0], [3.0]]
    assert [[float(i)] for i in train[0]] == train[1]


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


def test_a_scaler_refuses_a_column_past_floats() -> None:
    """Where the mean or the deviation would be infinite."""
    for rows in ([[1.7e308], [-1.7e308]], [[1.7e308], [1.6e308]]):
        with pytest.raises(ValueError, match=r"Scaler\.fit\(\) takes numbers of a smaller range"):
            Scaler.fit(rows)


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


# ---- one_hot -----------------------------------------------------------------------------------


def test_one_hot_has_a_single_1() -> None:
    """At the index, whatever the count."""
    assert one_hot(0, 1) == [1.0]
    assert [one_hot(k, 3) for k in range(3)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("index", "count"), [(3, 3), (-1, 3), (0, 0), (1.0, 3), (0, 2.5), ("0", 1)]
)
def test_one_hot_refuses_an_index_outside(index, count) -> None:
    """-1 is not the last."""
    with pytest.raises(ValueError, match=r"one_hot\(\) takes an index from 0 to below the count"):
        one_hot(index, count)
