"""Share a batch among workers: the same bits with none, with two, with a cluster.

>>> from concurrent.futures import ThreadPoolExecutor
>>> from microgradnet import losses, nn
>>> from microgradnet.compiling import compile
>>> model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
>>> loss = lambda x, y: losses.mean_squared_error(model(x), y)
>>> program = compile(loss, model.parameters())
>>> rows = [([0.01 * i, 1.0 - 0.01 * i], float(i % 2)) for i in range(200)]
>>> numbers = [p.data for p in model.parameters()]
>>> total, gradient = Gradients(program, rows).sums(numbers, range(200))
>>> with ThreadPoolExecutor(2) as executor:
...     Gradients(program, rows, executor).sums(numbers, range(200)) == (total, gradient)
True

Any `concurrent.futures.Executor` will do: a ProcessPoolExecutor, Dask's `client.get_executor()`,
an MPIPoolExecutor. Threads bring nothing while Python runs one at a time. In PyTorch this is
DistributedDataParallel, where the bits depend on how many workers there are.
"""

import contextlib
import copy
import functools
import hashlib
import itertools
import operator
import os
import pickle
import platform
import signal
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

from microgradnet.compiling import Program
from microgradnet.engine import Value
from microgradnet.errors import show, wrong
from microgradnet.lines import warn

ROWS, PARTS = 64, 16  # a part has that many rows at least, a batch that many parts at most
BREAKS = 3  # executors that break in turn without a result, before no more are made
KEPT = 4  # programs with their rows that a worker remembers
BROKEN = (futures.BrokenExecutor, futures.CancelledError)
DEAF = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has a user


def parts(count: int) -> list[range]:
    """Return the parts of a batch of that many rows: ranges of places in it, in order.

    They are as many as the largest power of two that is at most 16 and at most count / 64, or one;
    their sizes differ by at most one. They depend on the count alone, not on who computes them.

    >>> parts(100), parts(300)
    ([range(0, 100)], [range(0, 75), range(75, 150), range(150, 225), range(225, 300)])
    """
    if count < 0:
        raise ValueError(f"parts() takes a count from 0 up, not {show(count)}")
    many = 1 << max(1, min(PARTS, count // ROWS)).bit_length() - 1
    return [range(*ends) for ends in itertools.pairwise(count * i // many for i in range(many + 1))]


class Gradients:
    """The gradients of batches of rows, computed here or by the workers of an executor.

    `rows` are inputs of the program, as Program.sums() takes them; change none of them later.
    `executor` is an Executor, or a function that makes one, which is closed by close(), and made
    anew when it breaks because a worker was killed. An Executor that was given and breaks is done
    without from then on, with a RuntimeWarning; no row is lost in either case. `workers` is how
    many parts are computed at a time; without an executor, so many processes are made, from 2.

    A batch of one part is computed here: it is too small to gain from being sent. Workers get the
    program and the rows once (Dask warns of their size), and from then on numbers and places. The
    bits are those of here wherever Python and its C library are the same.
    """

    def __init__(
        self, program: Program, rows: Iterable[Sequence[Any]],
        executor: futures.Executor | Callable[[], futures.Executor] | None = None,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(program, Program) or not program.parameters:
            raise TypeError(f"Gradients() takes compile(f, parameters), not {show(program)}")
        if not isinstance(executor, futures.Executor | None) and not callable(executor):
            rule = "an Executor, or a function that makes one"
            remedy = "try lambda: ProcessPoolExecutor(2)"
            raise wrong("Gradients()", rule, executor, remedy, TypeError)
        if workers is not None and workers < 1:
            raise ValueError(f"workers takes a whole number from 1 up, not {show(workers)}")
        if executor is None and workers is not None and workers > 1:
            executor = functools.partial(futures.ProcessPoolExecutor, workers, None, *DEAF)
        self.program, self.rows, self.workers = program, list(rows), workers
        self._make = None if isinstance(executor, futures.Executor) else executor
        self._executor = executor if isinstance(executor, futures.Executor) else None
        self._breaks = 0
        self._work: _Work | None = None

    def sums(self, numbers: Sequence[float], indices: Iterable[int]) -> tuple[float, list[float]]:
        """Return the sum of the losses of the rows at these indices, and its gradient.

        Both are the sums of those of the parts, in order. An error of the program is raised as
        without an executor: that of the first part. Ctrl-C cancels the parts that wait.
        """
        packed, indices = array("d", numbers), list(indices)  # a TypeError for what is no number
        numbers = numbers if isinstance(numbers, list) else packed.tolist()
        pieces = [indices[part.start : part.stop] for part in parts(len(indices))]
        shared = len(pieces) > 1 and (self._make or self._executor)
        found = self._found(packed, pieces) if shared else {}
        total, gradient = 0.0, list[float]()
        for index, piece in enumerate(pieces):
            rows = [self.rows[i] for i in piece]
            result = found.get(index) or self.program.sums(numbers, rows)
            if isinstance(result, Exception):
                raise result
            total += result[0]
            gradient = list(map(operator.add, gradient, result[1])) if index else [*result[1]]
        return total, gradient

    def close(self) -> None:
        """Close the executor if it was made here; a later sums() makes another."""
        if self._make and self._executor:
            self._executor.shutdown()
            self._executor = None

    def __enter__(self) -> "Gradients":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _found(self, numbers: "array[float]", pieces: list[list[int]]) -> dict[int, Any]:
        # What workers found of the parts: of all, unless one has an error or they break.
        work = self._work = self._work or self._prepared()
        outside = array("d", [v.data for v in work.captured])
        todo = deque(range(len(pieces)))
        found, running = dict[int, Any](), dict[futures.Future[Any], int]()
        lacking: set[str] = set()  # workers that lacked the rows, which are sent once for each
        carriers, later = set[int](), list[int]()  # with these parts; those wait until they came
        executor = self._executor = self._executor or self._make()  # type: ignore[misc]
        try:
            while len(found) < len(pieces):
                while todo and len(running) < (self.workers or len(pieces)):
                    index = todo.popleft()
                    whole = work.whole if index in carriers else None
                    task = (work.digest, numbers, outside, pieces[index], whole)
                    running[executor.submit(part_sums, *task)] = index
                for future in futures.wait(running, return_when=futures.FIRST_COMPLETED).done:
                    index, error = running.pop(future), future.exception()
                    if isinstance(error, BROKEN):
                        raise error
                    result = error if isinstance(error, Exception) else future.result()  # or Ctrl-C
                    if isinstance(result, str):
                        if result in lacking and carriers:
                            later.append(index)
                        elif result in lacking:  # they came meanwhile; if not, it says so again
                            lacking.remove(result)
                            todo.append(index)
                        else:
                            lacking.add(result)
                            carriers.add(index)
                            todo.append(index)
                        continue
                    found[index], self._breaks = result, 0
                    if error:  # an earlier part may have one too: what is missing is computed here
                        return found
                    if index in carriers:
                        carriers.remove(index)
                        todo.extend(later)
                        later.clear()
        except BROKEN:  # it runs nothing more; the next batch makes another if it is known how
            self._executor = None
            self._breaks += 1
            if self._make:
                executor.shutdown(wait=False)
            if not self._make or self._breaks == BREAKS:
                self._make = None
                warn(
                    "workers ended (killed, short of memory, or no if __name__ == '__main__'?), "
                    "and this process goes on alone; give a function that makes executors"
                )
        finally:
            for future in running:
                future.cancel()
        return found

    def _prepared(self) -> "_Work":
        # A program that travels runs the shapes that it has seen, so here it sees every row.
        self.rows = [self.program._variant(row)[1] for row in self.rows]
        program = copy.copy(self.program)  # which leaves its function, and here its numbers
        program.parameters = [Value(0.0)] * len(program.parameters)
        captured = dict.fromkeys(v for one in program._variants.values() for v in one.captured)
        return _Work(program, self.rows, list(captured))


# ---- in a worker ---------------------------------------------------------------------------------


@dataclass(eq=False)
class _Work:
    """What workers hold; `captured` are the Values that the loss reads besides parameters."""

    program: Program
    rows: list[Sequence[Any]]
    captured: list[Value]

    @functools.cached_property
    def digest(self) -> str:
        """The name of its contents; processes forked from here, and threads, know it already."""
        digest = hashlib.sha256()
        pickle.dump(self, SimpleNamespace(write=digest.update))
        if not self.captured:  # for threads they are the user's own, and not to be set
            _OWN[digest.hexdigest()] = self
        return digest.hexdigest()

    @functools.cached_property
    def whole(self) -> bytes:
        """All of it, for a worker that lacks it."""
        return pickle.dumps(self)


_OWN: WeakValueDictionary[str, _Work] = WeakValueDictionary()
_RECEIVED: dict[str, _Work] = {}
_LOCKS: dict[int, threading.Lock] = {}  # by process: a fork would copy one that is held


def part_sums(
    digest: str, numbers: "array[float]", outside: "array[float]", places: list[int],
    whole: bytes | None,
) -> tuple[float, Sequence[float]] | str:  # fmt: skip
    """Return the sums over the rows at these places, or this worker's name: it lacks the rows.

    They and the program are known by their digest, and come as `whole` to a worker that lacks them.
    """
    lock = _LOCKS.setdefault(os.getpid(), threading.Lock())
    work = _OWN.get(digest) or _RECEIVED.get(digest)
    if work is None:
        if whole is None:
            return f"{platform.node()} {os.getpid()}"
        with lock:
            work = _RECEIVED[digest] = _RECEIVED.get(digest) or pickle.loads(whole)
            while len(_RECEIVED) > KEPT:
                del _RECEIVED[next(iter(_RECEIVED))]
    with lock if work.captured else contextlib.nullcontext():
        for v, number in zip(work.captured, outside, strict=True):
            v.data = number
        total, gradient = work.program.sums(numbers.tolist(), [work.rows[i] for i in places])
    return total, array("d", gradient)
