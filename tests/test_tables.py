"""Columns of text and numbers become inputs and targets, are remembered, and are refused."""

import csv
import io
import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet.tables import Column, Encoding, Frame, moments, read_frame, targets


def table(text, path="t.csv") -> Frame:
    """Return the frame of lines of words, the first of them the header; _ is an empty field."""
    names, *rows = (
        [word.replace("_", "") for word in line.split()] for line in text.strip().splitlines()
    )
    return Frame(path, names, rows)


PEOPLE = table("""
    sex    age class
    male   22  3rd
    female 38  1st
    female _   3rd
    male   35  2nd
    _      54  3rd
""")


# ---- numbers -----------------------------------------------------------------------------------


def test_numbers_are_standardised() -> None:
    """By the mean and the population's deviation: 1 and 3 are -1 and 1, and later 5 is 3."""
    encoding = Encoding.fit(table("a\n1\n3"))
    assert encoding.columns == [Column("a", "number", None, [], 2.0, 1.0)]
    assert encoding.transform(table("a\n1\n3\n5")) == [[-1.0], [1.0], [3.0]]


def test_numbers_may_stay_as_they_are() -> None:
    """standardise=False gives the numbers of the file."""
    encoding = Encoding.fit(table("a b\n1e3 2\n-3 0.5"), standardise=False)
    assert encoding.transform(table("a b\n1e3 2\n-3 0.5")) == [[1000.0, 2.0], [-3.0, 0.5]]


def test_a_constant_column_gives_0() -> None:
    """Its deviation counts as 1; the rounded mean of three 0.1 would not be 0.1."""
    encoding = Encoding.fit(table("a\n0.1\n0.1\n0.1"))
    assert encoding.transform(table("a\n0.1\n2.1")) == [[0.0], [2.0]]


def test_a_column_of_0_and_1_is_left_as_it_is() -> None:
    """It is what a category of two would be; 0, 1 and 2 are numbers."""
    frame = table("flag a\n0 0\n1 1\n1.0 2")
    assert [point[0] for point in Encoding.fit(frame).transform(frame)] == [0.0, 1.0, 1.0]
    deviation = math.sqrt(2 / 3)
    assert Encoding.fit(frame).columns[1].deviation == pytest.approx(deviation, abs=1e-15)


@pytest.mark.parametrize(
    ("ages", "median"),
    [("3 1 _ 2", 2.0), ("4 1 _ 2 9 NA", 3.0), ("7 ? _", 7.0), ("1.7e308 1.6e308 nan", 1.65e308)],
)
def test_a_missing_number_becomes_the_median(ages, median) -> None:
    """Of the training rows: the middle, or between the two in the middle, whatever their size."""
    frame = table("age\n" + ages.replace(" ", "\n"))
    column = Encoding.fit(frame, missing="fill", standardise=False).columns[0]
    assert column.fill == pytest.approx(median, rel=1e-15)
    assert column.encode("") == (column.fill,)


def test_the_mean_is_that_of_the_filled_column() -> None:
    """22, 35, 38, 54 and the median 36.5: the inputs have mean 0 and deviation 1."""
    points = Encoding.fit(PEOPLE, missing="fill").transform(PEOPLE)
    ages = [point[1] for point in points]
    assert math.fsum(ages) == pytest.approx(0.0, abs=1e-14)
    assert math.fsum(v * v for v in ages) == pytest.approx(5.0, abs=1e-14)


def test_numbers_past_floats_are_refused() -> None:
    """Where the deviation overflows, and where a later number does."""
    for rows in ("1.7e308\n-1.7e308", "1.7e308\n1.7e308\n1.6e308"):
        with pytest.raises(ValueError, match=r"'t\.csv', column 'a' takes numbers of a smaller"):
            Encoding.fit(table("a\n" + rows))
    encoding = Encoding.fit(table("a\n1e-300\n2e-300"))
    with pytest.raises(ValueError, match="line 2, column 'a' takes a finite number, not '1e300'"):
        encoding.transform(table("a\n1e300"))


# ---- categories --------------------------------------------------------------------------------


def test_a_category_is_an_input_per_value_in_sorted_order() -> None:
    """Of two values the first alone, whatever their order in the file."""
    encoding = Encoding.fit(PEOPLE, drop=["age"], missing="fill")
    assert encoding.inputs == ["sex=female", "class=1st", "class=2nd", "class=3rd"]
    assert encoding.transform(PEOPLE)[:2] == [[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]]


def test_a_missing_category_becomes_the_most_frequent() -> None:
    """The first in order of those that are as frequent."""
    columns = Encoding.fit(PEOPLE, missing="fill").columns
    assert [column.fill for column in columns] == ["female", 36.5, "3rd"]


def test_numbers_are_categories_where_it_is_asked() -> None:
    """Sorted by size; 1 and 1.0 are one, now and later."""
    encoding = Encoding.fit(table("a b\n10 1\n9 2\n9.0 3"), categories=("a", "b"))
    assert encoding.inputs == ["a=9", "b=1", "b=2", "b=3"]
    assert encoding.transform(table("a b\n1e1 3.0\n9 1")) == [[0, 0, 0, 1], [1, 1, 0, 0]]


def test_one_category_is_one_input() -> None:
    """It is always 1."""
    encoding = Encoding.fit(table("a\nx\nx"))
    assert (encoding.inputs, encoding.transform(table("a\nx"))) == (["a=x"], [[1.0]])


@pytest.mark.parametrize("missing", ["refuse", "fill"])
def test_a_new_category_is_refused(missing) -> None:
    """Also where values are filled: of two categories, 0 would mean the other one."""
    encoding = Encoding.fit(table("sex\nfemale\nmale"), missing=missing)
    told = (
        r"^'new\.csv', line 3, column 'sex' takes one of the categories trained on, "
        r"\['female', 'male'\], not 'Male'; correct it"
        + (", or leave it empty, for 'female'" if missing == "fill" else "")
        + ", train with rows that have it, or drop the column$"
    )
    with pytest.raises(ValueError, match=told):
        encoding.transform(table("sex\nmale\nMale", "new.csv"))


def test_a_column_of_many_texts_is_refused() -> None:
    """21 are names, not categories, unless they are asked for; 20 are accepted."""
    frame = table("name\n" + "\n".join(f"n{i:02}" for i in range(21)))
    told = r"column 'name' takes 20 categories at most, not 21 in 21 rows; drop the column"
    with pytest.raises(ValueError, match=told):
        Encoding.fit(frame)
    assert len(Encoding.fit(frame, categories=["name"]).inputs) == 21
    assert len(Encoding.fit(frame.take(range(20))).inputs) == 20


@pytest.mark.parametrize(
    ("values", "line", "offender"),
    [
        ([*map(str, range(30)), "abc"], 32, "abc"),
        (["1.5", "2,5", *map(str, range(30))], 3, "2,5"),
        (["1,5", "2,5"], 2, "1,5"),
        (["7", "inf", *map(str, range(30))], 3, "inf"),
    ],
)
def test_a_stray_text_among_numbers_is_told(values, line, offender) -> None:
    """A column of numbers with a slip, or with commas for points, is not one of categories."""
    told = f"line {line}, column 'a' takes a finite number, not '{offender}'; write it like 1234.5"
    with pytest.raises(ValueError, match=told):
        Encoding.fit(Frame("t.csv", ["a"], [[value] for value in values]))


def test_few_texts_beside_numbers_are_categories() -> None:
    """As 1, 2 and 3+ are."""
    assert Encoding.fit(table("a\n1\n2\n3+\n1")).inputs == ["a=1", "a=2", "a=3+"]


# ---- which columns, and what is refused --------------------------------------------------------


def test_the_target_and_what_is_dropped_are_no_inputs() -> None:
    """And they may have missing values, for nobody looks at them."""
    encoding = Encoding.fit(table("a b c\n1 _ x\n2 _ _"), target="c", drop=("b",))
    assert encoding.inputs == ["a"]


def test_columns_are_found_by_name() -> None:
    """In any order, and others are ignored."""
    encoding = Encoding.fit(table("a b\n1 x\n3 y"))
    assert encoding.transform(table("id b new a\n7 y _ 3")) == [[1.0, 0.0]]


def test_a_column_that_is_not_there_is_told() -> None:
    """With those that are."""
    encoding = Encoding.fit(table("a b\n1 x\n3 y"))
    told = r"'t\.csv' takes a column 'b', not \['a', 'B'\]; name the columns as in training"
    with pytest.raises(ValueError, match=told):
        encoding.transform(table("a B\n1 x"))
    for options in ({"target": "z"}, {"drop": ["z"]}, {"categories": ["z"]}):
        with pytest.raises(ValueError, match=r"takes a column 'z', not \['a', 'b'\]"):
            Encoding.fit(table("a b\n1 x\n3 y"), **options)


@pytest.mark.parametrize("value", ["", "?", "NA", "N/A", "NaN", "nan"])
@pytest.mark.parametrize("others", [["1", "2"], ["x", "y"]])
def test_a_missing_value_is_refused(value, others) -> None:
    """In training and later, with the remedy."""
    frame = Frame("t.csv", ["a"], [[others[0]], [value], [others[1]]])
    told = f"'t.csv', line 3, column 'a' takes a value, not '{value}'; correct it, "
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Encoding.fit(frame)
    assert told + "drop the column, or fill missing values (--fill, missing='fill')" in str(
        caught.value
    )
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Encoding.fit(frame.take([0, 2])).transform(frame)
    assert told + "or train with missing values filled" in str(caught.value)


def test_what_cannot_be_fitted_is_refused() -> None:
    """A column without values, no column at all, and a mistyped option."""
    with pytest.raises(ValueError, match=r"column 'a' takes a value in some row, not \[''\]; drop"):
        Encoding.fit(table("a\n_"), missing="fill")
    with pytest.raises(ValueError, match=r"^'t.csv' takes a column besides .*, not \['a'\]; drop"):
        Encoding.fit(table("a\n1"), drop=["a"])
    with pytest.raises(ValueError, match=r"Encoding\(\) takes a column or more"):
        Encoding([])
    with pytest.raises(ValueError, match="takes 'refuse' or 'fill' as missing, not 'mean'"):
        Encoding.fit(table("a\n1"), missing="mean")


def test_moments_are_those_of_the_population() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 have mean 5 and deviation 2; of one value the deviation is 1."""
    assert moments([2, 4, 4, 4, 5, 5, 7, 9]) == (5.0, 2.0)
    assert moments([0.1] * 3) == (0.1, 1.0)
    assert moments([1e308, 1e308, -1e308])[1] == math.inf


# ---- targets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["b", "a", "b"], "class", ["a", "b"]),
        (["10", "9", "9.0", "10"], "class", ["9", "10"]),
        (["1", "0"], "class", ["0", "1"]),
        (["1", "-1", "1"], "class", ["-1", "1"]),
        (["0.5", "1.5", "0.5", "1.5"], "number", None),
        (["75", "82", "93"], "number", None),
        ([str(i % 20) for i in range(40)], "class", [str(i) for i in range(20)]),
        ([str(i % 20) for i in range(39)], "number", None),
        ([str(i % 21) for i in range(63)], "number", None),
        (["1", "2", "3+", "1"], "class", ["1", "2", "3+"]),
        ([f"n{i}" for i in range(20)], "class", sorted(f"n{i}" for i in range(20))),
    ],
)
def test_targets_are_classes_or_numbers(values, kind, classes) -> None:
    """Text, and whole numbers of few values, each twice on average, are classes."""
    found = targets(Frame("t.csv", ["k"], [[value] for value in values]), "k")
    assert (found.kind, found.classes) == (kind, classes)
    if classes is None:
        assert found.values == [float(value) for value in values]
    elif classes != ["9", "10"]:
        assert [classes[k] for k in found.values] == values
    else:
        assert found.values == [1, 0, 0, 1]


def test_the_kind_of_targets_may_be_given() -> None:
    """0 and 1 to be predicted as numbers; 75, 82 and 93 as classes."""
    assert targets(table("k\n0\n1\n1"), "k", "number").values == [0.0, 1.0, 1.0]
    assert targets(table("k\n93\n82\n75"), "k", "class").values == [2, 1, 0]


def test_targets_of_a_model_keep_its_classes() -> None:
    """Rows to test on may lack one of them; 1.0 is the class 1."""
    assert targets(table("k\nc\nc\na"), "k", classes=["a", "b", "c"]).values == [2, 2, 0]
    assert targets(table("k\n1.0"), "k", classes=["0", "1"]) == ("class", ["0", "1"], [1])
    told = r"line 3, column 'k' takes one of the classes \['a', 'b'\], not 'z'; correct it"
    with pytest.raises(ValueError, match=told):
        targets(table("k\na\nz"), "k", classes=["a", "b"])


@pytest.mark.parametrize(
    ("values", "options", "told"),
    [
        (
            ["a", "?"],
            {},
            "'t.csv', line 3, column 'k' takes a value, not '?'; correct it, or remove",
        ),
        (["1", "x", "1"], {"kind": "number"}, "line 3, column 'k' takes a finite number, not 'x'"),
        (["1,5", "2,5"], {}, "line 2, column 'k' takes a finite number, not '1,5'; write it like"),
        ([*map(str, range(30)), "x"], {}, "line 32, column 'k' takes a finite number, not 'x'"),
        ([f"n{i}" for i in range(21)], {}, "column 'k' as target takes few classes, not 21 in 21"),
        ([str(i / 7) for i in range(30)], {"kind": "class"}, "takes few classes, not 30 in 30"),
        (["1"], {"kind": "classes"}, "takes 'class' or 'number' as kind, not 'classes'"),
    ],
)
def test_targets_that_are_neither_are_told(values, options, told) -> None:
    """File, line, column, the offender and the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        targets(Frame("t.csv", ["k"], [[value] for value in values]), "k", **options)
    assert told in str(caught.value)


# ---- kept --------------------------------------------------------------------------------------

GOOD = Encoding.fit(PEOPLE, missing="fill").to_dict()


def test_an_encoding_comes_back_from_json() -> None:
    """To the bit: it is equal, and gives the same inputs."""
    encoding = Encoding.fit(PEOPLE, missing="fill")
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert again == encoding
    assert again.transform(PEOPLE) == encoding.transform(PEOPLE)
    assert GOOD["columns"][0] == {
        "name": "sex", "kind": "category", "fill": "female", "categories": ["female", "male"],
        "mean": 0.0, "deviation": 1.0,
    }  # fmt: skip


def changed(number, **parts) -> dict:
    """Return what to_dict() gave, with another value in a column; ... takes the part away."""
    columns = json.loads(json.dumps(GOOD["columns"]))
    columns[number] |= parts
    columns[number] = {part: v for part, v in columns[number].items() if v is not ...}
    return {"columns": columns}


@pytest.mark.parametrize(
    "data",
    [
        None, 1, "x", [], {}, {"columns": None}, {"columns": []}, {"columns": [1]},
        {"columns": [{}]}, {"columns": {"a": 1}}, {"columns": GOOD["columns"] * 2},
        changed(0, mean=...), changed(0, code="x"), changed(0, name=""), changed(0, name=1),
        changed(0, name="age"), changed(0, kind="text"), changed(0, kind=None), changed(0, kind=[]),
        changed(0, kind="number"), changed(1, kind="category"), changed(0, categories=[]),
        changed(0, categories=["a", "a"]), changed(0, categories=["1", "1.0"]),
        changed(0, categories=[1, 2]), changed(0, categories="ab"), changed(0, categories=None),
        changed(0, categories=["", "x"]), changed(1, categories=["a"]), changed(0, fill="other"),
        changed(0, fill=1.0), changed(0, fill=["female"]), changed(1, fill="x"),
        changed(1, fill=math.nan), changed(1, fill=True), changed(1, mean=math.inf),
        changed(1, mean="0"), changed(1, mean=None), changed(1, mean=10**400),
        changed(1, deviation=0.0), changed(1, deviation=-1.0), changed(1, deviation=math.nan),
        changed(1, deviation=True),
    ],
)  # fmt: skip
def test_what_is_no_encoding_is_refused(data) -> None:
    """Parts missing, too many, of another type, or that do not fit each other: ValueError."""
    with pytest.raises(ValueError, match=r"takes .*, not .*; "):
        Encoding.from_dict(data)


def test_whole_numbers_of_json_are_numbers() -> None:
    """Another program may write 0.0 as 0."""
    data = changed(1, mean=0, deviation=2, fill=4)
    assert Encoding.from_dict(data).columns[1].encode("") == (2.0,)


NUMBERS = st.floats(-1e150, 1e150).map(repr)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4).map(str.strip)


@settings(max_examples=150)
@given(
    numbers=st.lists(NUMBERS | st.sampled_from(["", "NA"]), min_size=5, max_size=5),
    words=st.lists(WORDS, min_size=5, max_size=5),
)
def test_any_encoding_comes_back(numbers, words) -> None:
    """Whatever the columns hold: equal, the same inputs, as many as there are names."""
    rows = [list(row) for row in zip(numbers, words, strict=True)]
    frame = Frame("t.csv", ["number", "word"], rows)
    try:
        encoding = Encoding.fit(frame, missing="fill")
    except ValueError:
        assert any(all(row[k] in {"", "?", "NA"} for row in rows) for k in (0, 1)) or any(
            "," in word for word in words
        )
        return
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert again == encoding
    points = encoding.transform(frame)
    assert again.transform(frame) == points
    assert {len(point) for point in points} == {len(encoding.inputs)}


PIECES = st.sampled_from(["a", "b", "1", "-2.5", "1e308", "-1e308", "5e-324", "", "?", "x,y", "\n"])


@settings(max_examples=200)
@given(
    rows=st.integers(1, 3).flatmap(
        lambda n: st.lists(st.lists(PIECES, min_size=n, max_size=n), min_size=1, max_size=8)
    )
)
def test_any_file_is_encoded_or_refused(tmp_path_factory, rows) -> None:
    """Nothing but ValueError comes out, and all inputs are finite numbers."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path = tmp_path_factory.getbasetemp() / "encoded.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    try:
        frame = read_frame(path, header=False)
    except ValueError:
        return
    for name in frame.names:
        for kind in (None, "class", "number"):
            try:
                found = targets(frame, name, kind)
            except ValueError as error:
                assert repr(str(path)) in str(error)  # noqa: PT017
            else:
                assert len(found.values) == len(frame)
    for missing in ("refuse", "fill"):
        try:
            points = Encoding.fit(frame, missing=missing).transform(frame)
        except ValueError as error:
            assert repr(str(path)) in str(error)  # noqa: PT017
        else:
            assert all(math.isfinite(v) for point in points for v in point)


def test_rows_of_categories_have_a_single_one() -> None:
    """Of three categories or more, exactly one input is 1 in each row."""
    values = [f"k{i * i % 7}" for i in range(50)]
    frame = Frame("t.csv", ["a"], [[value] for value in values])
    encoding = Encoding.fit(frame)
    assert len(encoding.inputs) == len(Counter(values)) == 4
    for value, point in zip(values, encoding.transform(frame), strict=True):
        assert point == [float(name == f"a={value}") for name in encoding.inputs]


@pytest.mark.parametrize("what", ["drop", "categories"])
def test_one_name_is_no_list_of_names(what, tmp_path) -> None:
    """ "ab" would be a and b."""
    path = tmp_path / "t.csv"
    path.write_text("a,b,ab,y\n1,2,3,0\n4,5,6,1\n")
    with pytest.raises(ValueError, match=rf"takes a list of names as {what}, not 'ab'; write \['a"):
        Encoding.fit(read_frame(path), "y", **{what: "ab"})
