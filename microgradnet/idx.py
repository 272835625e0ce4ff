"""Read IDX files, the format of MNIST: the images and labels of handwritten digits.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder, "two-rows-of-three")
...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255]))
...     print(read_idx(path))
Idx(shape=(2, 3), values=array('B', [1, 2, 3, 4, 5, 255]))

The format is big-endian: two zero bytes, one for the type of the values, one for the number of
sizes; the sizes, of four bytes each; the values, of which the last index varies fastest.
"""

import math
import os
import struct
import sys
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from microgradnet.errors import explained, show, wrong
from microgradnet.reading import PACKED, StrPath, check_growth

TYPES = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}  # as array has them
CHUNK = 1 << 20  # bytes that are read at once
AGAIN = "download the file again"
SIDE = 28  # pixels of an image of MNIST
FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)

Rows = tuple[list[list[float]], list[int]]  # points and targets


class Idx(NamedTuple):
    """What an IDX file holds: the sizes, and the values in one row, the last index fastest."""

    shape: tuple[int, ...]
    values: "array[Any]"


@explained
def read_idx(path: StrPath) -> Idx:
    """Return the sizes and the values of an IDX file, also compressed with gzip.

    The values take as much memory as in the file, and twice that while they are read; sizes that
    promise more than the file holds take none. OSError where the file cannot be read, else
    ValueError: one line that says what is wrong.
    """
    import gzip
    import zlib

    file = show(os.fspath(path))
    try:
        with open(path, "rb") as stream:
            if stream.peek(2)[:2] != PACKED:
                return _read(stream, file)
            size = os.fstat(stream.fileno()).st_size
            return _read(gzip.GzipFile(fileobj=stream), file, size)
    except (OSError, EOFError, zlib.error) as error:
        kind = type(error) if isinstance(error, OSError) else ValueError
        reason = getattr(error, "strerror", None) or error
        raise kind(f"read_idx() takes a readable file, not {file} ({reason}); {AGAIN}") from None


def _read(stream: Any, file: str, packed: int | None = None) -> Idx:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        rule = "the first bytes of IDX: two zeros, a type (8, 9 or 11 to 14), the number of sizes"
        raise wrong(file, rule, magic, "give a file as MNIST has them")
    header = stream.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise wrong(file, f"{magic[3]} sizes of four bytes", header, AGAIN)
    shape = struct.unpack(f">{magic[3]}I", header)
    values = array(TYPES[magic[2]])
    size = math.prod(shape) * values.itemsize
    content = bytearray()
    while chunk := stream.read(min(CHUNK, size + 1 - len(content))):  # one more, to see the end
        content += chunk
        if packed is not None:
            check_growth(len(content), packed, file)
    if len(content) != size:
        rule = f"{show(size)} bytes after its header, as its sizes {show(shape)} say"
        found = "more" if len(content) > size else len(content)
        raise ValueError(f"{file} takes {rule}, not {found}; {AGAIN}")
    values.frombytes(content)
    if sys.byteorder == "little":
        values.byteswap()
    return Idx(shape, values)


@explained
def load_mnist(folder: StrPath) -> tuple[Rows, Rows]:
    """Return MNIST as (points, targets) to train on, and (points, targets) to test on.

    A point has the 784 pixels of an image, row by row, as floats from 0.0 (paper) to 1.0 (ink); a
    target is the digit. The folder has the four files under their own names, such as
    train-images-idx3-ubyte, also with .gz at the end or a dot before idx3. All pixels share 256
    floats, so a point is a list of 6.3 kB, and the 70,000 take 440 MB. FileNotFoundError where
    files are missing, ValueError where one is wrong.
    """
    found = {name: _find(Path(folder), name) for pair in FILES for name in pair}
    paths = [path for path in found.values() if path]
    if len(paths) < len(found):
        missing = ", ".join(name for name, path in found.items() if not path)
        raise FileNotFoundError(
            f"load_mnist() takes a folder with MNIST's four files, not {show(os.fspath(folder))} "
            f"without {missing}; download them, packed or not, from yann.lecun.com/exdb/mnist or "
            "one of its copies"
        )
    return _rows(*paths[:2]), _rows(*paths[2:])


def _find(folder: Path, name: str) -> Path | None:
    names = [name, name.replace("-idx", ".idx")]
    paths = [folder / (name + suffix) for suffix in ("", ".gz") for name in names]
    return next((path for path in paths if path.is_file()), None)


def _rows(images: Path, labels: Path) -> Rows:
    shape, pixels = read_idx(images)
    if shape[1:] != (SIDE, SIDE) or pixels.typecode != "B":
        raise wrong(show(str(images)), f"images of {SIDE} by {SIDE} bytes", shape, AGAIN)
    sizes, targets = read_idx(labels)
    if sizes != shape[:1] or targets.typecode != "B":
        rule = f"a byte for each of {shape[0]} images"
        raise wrong(show(str(labels)), rule, sizes, "take images and labels of one set")
    shades = [ink / 255.0 for ink in range(256)]
    starts = range(0, len(pixels), SIDE * SIDE)
    # [:] because a copy has no room to spare: 6.3 kB, and not 6.9.
    points = [[shades[ink] for ink in pixels[i : i + SIDE * SIDE]][:] for i in starts]
    return points, targets.tolist()
