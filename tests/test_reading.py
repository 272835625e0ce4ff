"""CSV files: delimiters, headers, quotes and faults; the table or the text in them."""

import csv
import gzip
import io
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgradnet.reading import Frame, classes_of, read_csv, read_frame

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
        gzip.compress(GOOD, mtime=0),
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
        (gzip.compress(GOOD, mtime=0)[:-9], "takes a readable file"),
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


# ---- read_frame --------------------------------------------------------------------------------


def test_a_frame_is_the_text_of_a_file(tmp_path) -> None:
    """Names, fields and lines, and nothing is taken for a number or for missing."""
    frame = read_frame(written(tmp_path, b'a,b\n 1 ,"x, y"\n\n,"two\nlines"\nNA,z\n'))
    assert frame.names == ["a", "b"]
    assert frame.rows == [["1", "x, y"], ["", "two\nlines"], ["NA", "z"]]
    assert frame.lines == [2, 4, 6]
    assert (len(frame), frame.column("a")) == (3, ["1", "", "NA"])
    assert frame.where(1, "b") == f"{str(frame.path)!r}, line 4, column 'b'"
    assert repr(frame) == f"<{frame.path!r}: 3 rows of a, b>"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_delimiter_is_found(tmp_path, delimiter, quote) -> None:
    """By the same number of fields in each record, also where the others are in the fields."""
    rows = [["name", "note"], ["x", "1"], ["y", '"a, b; c\t, d"']]
    lines = [
        delimiter.join(f"{quote}{v}{quote}" if v[0] != '"' else v for v in row) for row in rows
    ]
    frame = read_frame(written(tmp_path, "\n".join(lines).encode()))
    assert (frame.names, frame.rows) == (rows[0], [["x", "1"], ["y", "a, b; c\t, d"]])


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a;b\n1,5;2\n3,5;4\n", [["1,5", "2"], ["3,5", "4"]]),
        (b"a,b\nx;y,1\nz,2\n", [["x;y", "1"], ["z", "2"]]),
        (b"a\n1\n2\n", [["1"], ["2"]]),
        (b"a b\n1 2\n", [["1 2"]]),
        (b"a\n1,2\n".replace(b",", b":"), [["1:2"]]),
    ],
    ids=["decimal commas", "semicolon in one field", "one column", "blanks", "colons"],
)
def test_what_separates_is_told_from_what_does_not(tmp_path, content, rows) -> None:
    """A delimiter gives equally many fields, two or more; without one there is one column."""
    assert read_frame(written(tmp_path, content)).rows == rows


def test_two_delimiters_that_fit_are_refused_unless_one_is_given(tmp_path) -> None:
    """1,5;2,5 may be two decimal numbers or three fields: no guess."""
    path = written(tmp_path, b"1,5;2,5\n3,5;4,5\n")
    with pytest.raises(ValueError, match="takes one delimiter, not comma or semicolon; give the"):
        read_frame(path, header=False)
    assert read_frame(path, header=False, delimiter=";").rows[0] == ["1,5", "2,5"]
    assert read_frame(path, header=False, delimiter=",").rows[0] == ["1", "5;2", "5"]
    with pytest.raises(
        ValueError, match=r"takes a comma, a semicolon or a tab as delimiter, not '\|'"
    ):
        read_frame(path, delimiter="|")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(GOOD, mtime=0), b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"), GOOD.replace(b"\n", b"\n\n"), GOOD.rstrip(),
        GOOD.replace(b",", b" ; "), GOOD.replace(b",", b"\t"),
    ],
    ids=["gzip", "BOM", "CRLF", "CR", "blank lines", "no last newline", "semicolons", "tabs"],
)  # fmt: skip
def test_the_same_frame_in_other_clothes(tmp_path, content) -> None:
    """Compression, byte order mark, line ends, delimiters: the text is the same."""
    frame = read_frame(written(tmp_path, content))
    assert frame.names == ["width", "height", "kind"]
    assert frame.rows == [["1", "2.5", "b"], ["-3e2", "4", "a"]]


def test_a_file_without_header_gets_names(tmp_path) -> None:
    """c0, c1 ... or those that are given; its first line is data."""
    path = written(tmp_path, b"1,2,x\n3,4,y\n")
    assert read_frame(path, header=False).names == ["c0", "c1", "c2"]
    frame = read_frame(path, header=["a", "b", "kind"])
    assert (frame.names, frame.lines) == (["a", "b", "kind"], [1, 2])
    assert frame.column("kind") == ["x", "y"]


@pytest.mark.parametrize("first", ["5.1,3.5", "0,0", "0,1", "1,?", "-1e3,", "NA,2", "red,81.92"])
def test_a_header_of_numbers_is_refused_with_the_remedy(tmp_path, first) -> None:
    """A file without header would lose its first row in silence."""
    path = written(tmp_path, f"{first}\n1,2\n".encode())
    with pytest.raises(
        ValueError, match=r"line 1 takes the names of the columns, not .*header=False"
    ):
        read_frame(path)
    assert len(read_frame(path, header=False)) == 2


def test_years_are_names(tmp_path) -> None:
    """A whole number among other names heads a column, as in a table of years."""
    path = written(tmp_path, b"country,2019,2020\nItaly,1,2\n")
    assert read_frame(path).names == ["country", "2019", "2020"]


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        (b"", {}, "takes a header and rows, not []; the file is empty"),
        (b" \n\n", {}, "the file is empty"),
        (b"a,b\n", {}, "takes rows below the header, not []"),
        (b"a,a\n1,2\n", {}, "line 1, column 1 takes a name of its own, not 'a'"),
        (b"\na,\n1,2\n", {}, "line 2, column 2 takes a name of its own, not ''"),
        (b"a,b\n1,2\n1,2,3\n", {}, "line 3 takes 2 fields, as the header, not 3; quote"),
        (b"a;b\n1;2\n1;2;3\n", {}, "quote fields that have a semicolon in them"),
        (b"1,2\n1,2,3\n", {"header": False}, "line 2 takes 2 fields, as line 1, not 3"),
        (b"1,2\n", {"header": ["a"]}, "takes a header of 2 names, as line 1 has fields, not ['a']"),
        (b"1,2\n", {"header": ["a", "a"]}, "header=, column 1 takes a name of its own, not 'a'"),
        (b"1,2\n", {"header": "ab"}, "takes a list of names as header, not 'ab'"),
        (b"1,2\n", {"header": [1, 2]}, "takes a list of names as header, not [1, 2]"),
        (b'a;b\n1;2\n1;"2\n', {}, "line 3 takes fields between semicolons, but unexpected end"),
        (b"a\tb\n\xff\t1\n", {}, r"line 2 takes text in UTF-8, not b'\xff'"),
        (b"\x1f\x8b", {}, "takes a readable file"),
    ],
)
def test_a_fault_of_a_frame_is_told_in_one_line(tmp_path, content, options, told) -> None:
    """File, line, column, the offender and the remedy."""
    with pytest.raises((ValueError, OSError)) as caught:
        read_frame(written(tmp_path, content), **options)
    message = str(caught.value)
    assert told in message
    assert message.isprintable()


def test_a_frame_that_cannot_be_read_is_an_os_error(tmp_path) -> None:
    """No such file keeps its exception, with a readable line."""
    with pytest.raises(FileNotFoundError, match=r"read_frame\(\) takes a readable file.*no\.csv"):
        read_frame(tmp_path / "no.csv")


def test_a_part_of_a_frame_keeps_its_lines() -> None:
    """So that errors about the rows to test on name the line in the file."""
    frame = Frame("t.csv", ["a"], [["1"], ["2"], ["3"]])
    part = frame.take([2, 0])
    assert (part.rows, part.lines) == ([["3"], ["1"]], [4, 2])
    assert len(frame.take([])) == 0


def test_a_frame_made_by_hand_is_checked() -> None:
    """A row has a field per name; a column that is not there is told with those that are."""
    with pytest.raises(ValueError, match=r"line 3 takes 2 fields, one per name, not \['3'\]"):
        Frame("t.csv", ["a", "b"], [["1", "2"], ["3"]])
    with pytest.raises(ValueError, match=r"'t\.csv' takes a column 'c', not \['a', 'b'\]"):
        Frame("t.csv", ["a", "b"], [["1", "2"]]).column("c")


# ---- any file at all ---------------------------------------------------------------------------

PIECES = st.sampled_from([
    b",", b";", b"\t", b"\n", b"\r", b'"', b'""', b"a", b"b", b"1", b"2.5", b"nan", b"1e999", b"?",
    b" ", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"\xc3\xa9", b"\xe2\x80\xa8",
])  # fmt: skip


@settings(max_examples=300)
@given(content=st.binary(max_size=60) | st.lists(PIECES, max_size=40).map(b"".join))
@example(content=gzip.compress(GOOD, mtime=0)[:12])
@example(content=b"a,b\n" + b'"' + b"x" * 200_000 + b'",1\n')
def test_any_bytes_are_a_table_or_a_value_error(tmp_path_factory, content) -> None:
    """Whatever is in a file, nothing but ValueError and OSError comes out, in one line."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    for read in (read_csv, read_frame, lambda path: read_frame(path, header=False)):
        try:
            read(path)
        except (ValueError, OSError) as error:
            assert str(error).isprintable()  # noqa: PT017


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(str.strip)


@settings(max_examples=100)
@given(
    rows=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(FIELDS, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    delimiter=st.sampled_from(",;\t"),
)
def test_what_is_written_is_read(tmp_path_factory, rows, delimiter) -> None:
    """Any text in quotes, with delimiters, quotes and line ends in it, comes back as it was."""
    path = tmp_path_factory.getbasetemp() / "written.csv"
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    path.write_bytes(text.getvalue().encode())
    assert read_frame(path, header=False).rows == rows


def test_reading_takes_memory_in_proportion_to_the_file(tmp_path) -> None:
    """At most 30 times its size, for short fields as for long: 17 is usual."""
    for row in (b"5.1,3.5,setosa\n", b"12," * 20 + b"7\n"):
        names = ",".join(f"c{i}" for i in range(row.count(b",") + 1)).encode()
        content = names + b"\n" + row * 10_000
        path = written(tmp_path, content)
        tracemalloc.start()
        frame = read_frame(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(frame) == 10_000
        assert peak < 30 * len(content)


@pytest.mark.parametrize("part", [b"1\n", b"1", b"\0"])
def test_a_packed_file_cannot_fill_the_memory(tmp_path, part) -> None:
    """A few kB that are 64 MB unpacked are refused on the way, whatever they hold."""
    packed = gzip.compress(part * (1 << 20), mtime=0) * (64 // len(part))
    path = written(tmp_path, packed)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^'.*' takes at most 200 times its \d+ bytes") as caught:
        read_frame(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).endswith("; unpack it with gunzip before")
    assert peak < 4 * 2**22


def test_a_small_file_may_be_packed_as_tightly_as_can_be(tmp_path) -> None:
    """4 MB of one row again and again are 4 kB in gzip, and harmless."""
    content = b"a,b\n" + b"1,2\n" * 500_000
    assert len(read_frame(written(tmp_path, gzip.compress(content, mtime=0)))) == 500_000


def test_a_message_is_one_printable_line(tmp_path) -> None:
    """Also where Python's own has the delimiter in it, a tab."""
    with pytest.raises(ValueError, match="expected after") as caught:
        read_frame(written(tmp_path, b'a\tb\n"1"2\t3\n'))
    assert str(caught.value).isprintable()
    assert r"'\t' expected" in str(caught.value)


def test_large_whole_numbers_are_classes_of_their_own() -> None:
    """Past 2 ** 53 two of them may be one float."""
    labels = ["12345678901234567890", "12345678901234567891", "7", "7.0"]
    assert classes_of(labels) == (["7", *labels[:2]], True)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_is_refused() -> None:
    """It may have no end."""
    with pytest.raises(ValueError, match=r"takes a file or a pipe, not '/dev/zero'; a device may"):
        read_frame("/dev/zero")
