"""IDX files: what is read, what MNIST becomes of it, and what is refused."""

import gzip
import math
import struct
import sys
import tracemalloc
from pathlib import Path

import pytest

from microgradnet import data
from microgradnet.idx import FILES, TYPES, load_mnist, read_idx

HEADER = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])  # two by three bytes
PIXELS = 28 * 28
NAMES = [name for pair in FILES for name in pair]


def idx(code: int, shape: tuple[int, ...], values: list) -> bytes:
    """Return the bytes of an IDX file, big-endian, as struct packs them."""
    header = struct.pack(f">4B{len(shape)}I", 0, 0, code, len(shape), *shape)
    return header + struct.pack(f">{len(values)}{TYPES[code]}", *values)


def image(k: int) -> list[int]:
    """Return the pixels of an image, different for each number."""
    return [(k * 7 + i) % 256 for i in range(PIXELS)]


def mnist(folder: Path, counts: tuple[int, int] = (3, 2)) -> Path:
    """Write MNIST's four files, with few images."""
    for (images, labels), count in zip(FILES, counts, strict=True):
        pixels = [v for k in range(count) for v in image(k)]
        (folder / images).write_bytes(idx(0x08, (count, 28, 28), pixels))
        (folder / labels).write_bytes(idx(0x08, (count,), [9 - k for k in range(count)]))
    return folder


@pytest.mark.parametrize(
    ("code", "values"),
    [
        (0x08, [0, 1, 128, 255]),
        (0x09, [0, 1, -128, 127]),
        (0x0B, [0, 1, -(2**15), 2**15 - 1]),
        (0x0C, [0, 1, -(2**31), 2**31 - 1]),
        (0x0D, [0.0, 1.5, -(2.0**-140), math.inf]),
        (0x0E, [0.0, 0.1, -sys.float_info.max, 5e-324]),
    ],
)
def test_every_type_is_read_exactly(code, values, tmp_path) -> None:
    """The least, the greatest, and the bytes in their order."""
    path = tmp_path / "file"
    path.write_bytes(idx(code, (2, 2), values))
    shape, found = read_idx(path)
    assert (shape, found.tolist(), found.typecode) == ((2, 2), values, TYPES[code])


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (1, 2, 1, 3), (0,), (5, 0)])
def test_any_number_of_sizes(shape, tmp_path) -> None:
    """No size is one value, and a size of 0 none."""
    values = list(range(math.prod(shape)))
    (tmp_path / "file").write_bytes(idx(0x08, shape, values))
    found = read_idx(tmp_path / "file")
    assert (found.shape, found.values.tolist()) == (shape, values)


def test_gzip_is_known_by_its_content(tmp_path) -> None:
    """Whatever the name says."""
    content = HEADER + bytes(range(6))
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    (tmp_path / "plain.gz").write_bytes(content)
    assert read_idx(tmp_path / "packed") == read_idx(str(tmp_path / "plain.gz"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the first bytes of IDX: .*, not b''; give a file as MNIST has them"),
        (b"\0\0\x08", r"not b'\\x00\\x00\\x08'"),
        (b"\x89PNG\r\n", r"not b'\\x89PNG'"),
        (b"\0\0\x0a\x01", r"two zeros, a type \(8, 9 or 11 to 14\).*not b'\\x00\\x00\\n\\x01'"),
        (HEADER[:-1], r"2 sizes of four bytes, not .*; download the file again"),
        (
            HEADER + bytes(5),
            r"6 bytes after its header, as its sizes \(2, 3\) say, not 5; download",
        ),
        (HEADER + bytes(7), r"6 bytes after its header, .*, not more"),
        (b"\0\0\x0e\x01\0\0\0\x02" + bytes(15), r"16 bytes after its header, .*, not 15"),
        (b"\0\0\x08\x01\xff\xff\xff\xff", r"4294967295 bytes after .*, not 0"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused(pack, content, message, tmp_path) -> None:
    """The file, the rule, what came, the remedy."""
    (tmp_path / "digits").write_bytes(pack(content))
    with pytest.raises(ValueError, match=rf"^'.*digits' takes .*{message}"):
        read_idx(tmp_path / "digits")


def test_sizes_that_promise_more_than_there_is_take_no_memory(tmp_path) -> None:
    """Nor does a packed file that holds far more than its sizes say."""
    lie = struct.pack(">4B255I", 0, 0, 14, 255, *[2**32 - 1] * 255)
    (tmp_path / "lie").write_bytes(lie)
    (tmp_path / "bomb").write_bytes(gzip.compress(HEADER + bytes(50_000_000)))
    tracemalloc.start()
    try:
        for name in ("lie", "bomb"):
            with pytest.raises(ValueError, match="bytes after its header"):
                read_idx(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_file_that_cannot_be_read_is_refused(tmp_path) -> None:
    """It is missing, or packed by half, or its checksum is wrong."""
    with pytest.raises(FileNotFoundError, match=r"^read_idx\(\) takes a readable file, not '.*a'"):
        read_idx(tmp_path / "a")
    packed = gzip.compress(HEADER + bytes(6))
    (tmp_path / "half").write_bytes(packed[:-9])
    with pytest.raises(ValueError, match=r"readable file, not .*; download the file again"):
        read_idx(tmp_path / "half")
    (tmp_path / "sum").write_bytes(packed[:-8] + bytes(8))
    with pytest.raises(OSError, match=r"readable file, not .*CRC"):
        read_idx(tmp_path / "sum")


# ---- MNIST ---------------------------------------------------------------------------------------


def test_mnist_is_points_and_targets_to_train_and_to_test_on(tmp_path) -> None:
    """784 floats from 0 to 1, row by row, and the digit as an int."""
    (points, targets), (test_points, test_targets) = load_mnist(mnist(tmp_path))
    assert points == [[v / 255 for v in image(k)] for k in range(3)]
    assert test_points == [[v / 255 for v in image(k)] for k in range(2)]
    assert (targets, test_targets) == ([9, 8, 7], [9, 8])
    assert {type(v) for v in points[0]} == {float}
    assert (min(points[0]), max(points[0])) == (0.0, 1.0)


def test_all_points_share_256_floats(tmp_path) -> None:
    """And a list has no room to spare."""
    points = load_mnist(mnist(tmp_path, (9, 1)))[0][0]
    assert len({id(v) for point in points for v in point}) == 256
    assert sys.getsizeof(points[0]) == sys.getsizeof([0.0] * PIXELS)


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_the_files_are_found_under_each_of_their_names(dot, packed, tmp_path) -> None:
    """With a dot or a hyphen before idx, packed or not; a folder of that name is passed over."""
    expected = load_mnist(mnist(tmp_path))
    for name in NAMES:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        other = name.replace("-idx", ".idx") if dot or not packed else name
        path = tmp_path / (other + ".gz" * packed)
        path.write_bytes(gzip.compress(content) if packed else content)
    assert load_mnist(str(tmp_path)) == expected


def test_missing_files_are_named(tmp_path) -> None:
    """Those that are missing alone, and where they come from."""
    mnist(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[2]).unlink()
    message = rf"without {NAMES[1]}, {NAMES[2]}; download them, .* yann\.lecun\.com/exdb/mnist"
    with pytest.raises(FileNotFoundError, match=message):
        load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"not '.*nowhere' without {', '.join(NAMES)};"):
        load_mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[0], idx(8, (3, 2, 2), [0] * 12), r"images of 28 by 28 bytes, not \(3, 2, 2\)"),
        (NAMES[0], idx(9, (1, 28, 28), [0] * PIXELS), r"images of 28 by 28 bytes"),
        (NAMES[0], idx(8, (3,), [0] * 3), r"images of 28 by 28 bytes, not \(3,\)"),
        (NAMES[1], idx(8, (4,), [0] * 4), r"a byte for each of 3 images, not \(4,\); take images"),
        (NAMES[1], idx(11, (3,), [0] * 3), r"a byte for each of 3 images"),
        (NAMES[3], idx(8, (2, 1), [0] * 2), r"a byte for each of 2 images, not \(2, 1\)"),
        (NAMES[3], b"PK", r"the first bytes of IDX"),
    ],
)
def test_files_that_do_not_fit_are_refused(name, content, message, tmp_path) -> None:
    """The file, the rule, what came, the remedy."""
    (mnist(tmp_path) / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}' takes {message}"):
        load_mnist(tmp_path)


def test_data_has_them_too() -> None:
    """As it has the readers of CSV files."""
    assert (data.read_idx, data.load_mnist) == (read_idx, load_mnist)


def test_a_packed_file_cannot_fill_the_memory(tmp_path) -> None:
    """A few kB that promise 64 MB, and are as many unpacked, are refused on the way."""
    header = bytes([0, 0, 8, 1]) + struct.pack(">I", 64 << 20)
    packed = gzip.compress(header, mtime=0) + gzip.compress(bytes(1 << 20), mtime=0) * 64
    (tmp_path / "digits.gz").write_bytes(packed)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^'.*digits\.gz' takes at most 200 times its \d+ bytes"):
        read_idx(tmp_path / "digits.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25  # of the 2**26 that are promised
