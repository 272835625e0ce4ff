"""Share batches among workers: the same bits whoever computes, and no row lost when one is killed.

The processes that are killed here are killed in earnest, by the system.
"""

import math
import multiprocessing
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import losses, nn, parallel
from microgradnet.compiling import compile
from microgradnet.engine import Value
from microgradnet.parallel import BREAKS, KEPT, Gradients, part_sums, parts

SPAWN = multiprocessing.get_context("spawn")
BATCHES = [0, 1, 64, 127, 128, 300, 1100, 2050]
# Other tests' threads are no concern of a pool that forks; Python 3.12 and later warn of them.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def example(count=1200, seed=1):
    """Return a compiled loss, rows for it, and the numbers of its parameters."""
    rng = random.Random(seed)
    model = nn.MLP(3, [4, 1], activation="tanh", seed=rng)
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    rows = [([rng.gauss(0.0, 1.0) for _ in range(3)], rng.gauss(0.0, 1.0)) for _ in range(count)]
    return program, rows, [p.data for p in program.parameters]


def bits(result):
    """Return the bytes of a loss and its gradient."""
    total, gradient = result
    assert type(gradient) is list
    return struct.pack(f"<{len(gradient) + 1}d", total, *gradient)


def batches(rows, seed=2):
    """Return the indices of batches of many sizes, shuffled, some rows twice."""
    rng = random.Random(seed)
    return [rng.choices(range(len(rows)), k=size) for size in BATCHES]


def agree(gradients, indices=None, numbers=None):
    """Assert that these gradients have the bits of those without workers."""
    alone = Gradients(gradients.program, gradients.rows)
    numbers = numbers or [p.data for p in gradients.program.parameters]
    for chosen in batches(gradients.rows) if indices is None else [indices]:
        assert bits(gradients.sums(numbers, chosen)) == bits(alone.sums(numbers, chosen))


@pytest.fixture(scope="module")
def pool():
    """Two processes that started afresh, for all tests that leave them alive."""
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        yield executor


# ---- the parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, [0]), (1, [1]), (64, [64]), (127, [127]), (128, [64] * 2), (129, [64, 65]),
        (255, [127, 128]), (256, [64] * 4), (500, [125] * 4), (511, [127, 128, 128, 128]),
        (512, [64] * 8), (1000, [125] * 8), (1023, [127, *[128] * 7]), (1024, [64] * 16),
        (60000, [3750] * 16),
    ],
)  # fmt: skip
def test_the_parts_of_some_batches(count, sizes):
    """The parts of a batch have these sizes."""
    assert [len(part) for part in parts(count)] == sizes


@given(st.integers(0, 100_000))
def test_parts(count):
    """Parts follow one another without a gap, as many as the rule says, of one size within one."""
    found = parts(count)
    assert [i for part in found for i in part] == list(range(count))
    sizes = [len(part) for part in found]
    assert max(sizes) - min(sizes) <= 1
    powers = [many for many in (1, 2, 4, 8, 16) if many <= count // 64]
    assert len(found) == max(powers, default=1)


def test_parts_of_a_negative_count():
    """There is no batch of fewer than no rows."""
    with pytest.raises(ValueError, match=r"parts\(\) takes a count from 0 up, not -3"):
        parts(-3)


# ---- the bits ------------------------------------------------------------------------------------


def test_a_batch_of_one_part_has_the_sums_of_the_program():
    """Below 128 rows nothing is different from Program.sums()."""
    program, rows, numbers = example(127)
    found = Gradients(program, rows).sums(numbers, range(127))
    assert bits(found) == bits(program.sums(numbers, rows))


def test_a_batch_is_the_sum_of_its_parts_in_order():
    """The loss and each component of the gradient are added part after part."""
    program, rows, numbers = example(300)
    totals, gradients = zip(
        *(program.sums(numbers, rows[part.start : part.stop]) for part in parts(300)), strict=True
    )
    total, gradient = Gradients(program, rows).sums(numbers, range(300))
    assert total == ((totals[0] + totals[1]) + totals[2]) + totals[3]
    assert gradient == [((a + b) + c) + d for a, b, c, d in zip(*gradients, strict=True)]
    assert math.isclose(total, program.sums(numbers, rows)[0], rel_tol=1e-12)


class Dawdling(ThreadPoolExecutor):
    """Threads that take their time, each task another."""

    def __init__(self, workers, seed):
        super().__init__(workers)
        self.rng = random.Random(seed)

    def submit(self, function, /, *arguments):
        return super().submit(_late, self.rng.random() * 0.005, function, *arguments)


def _late(seconds, function, *arguments):
    time.sleep(seconds)
    return function(*arguments)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_threads(workers):
    """Threads give the bits of this process, in whatever order they finish."""
    program, rows, _ = example()
    with Dawdling(workers, seed=workers) as executor:
        agree(Gradients(program, rows, executor))


@forks
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_processes_of_its_own(workers):
    """So do 1, 2 and 5 processes that are made for the purpose."""
    program, rows, _ = example()
    with Gradients(program, rows, workers=workers) as gradients:
        agree(gradients)


@forks
def test_processes_of_its_own_leave_ctrl_c_to_this_one():
    """A process made here is deaf to Ctrl-C: the one that has a user decides what ends."""
    program, rows, _ = example(200)
    with Gradients(program, rows, workers=2) as gradients:
        agree(gradients, range(200))
        handler = gradients._executor.submit(signal.getsignal, signal.SIGINT).result()
    assert handler == signal.SIG_IGN


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_pool_that_was_given(pool, workers):
    """So does a pool of processes that started afresh, and it stays open."""
    program, rows, _ = example(seed=workers)
    with Gradients(program, rows, pool, workers) as gradients:
        agree(gradients)
    assert pool.submit(abs, -1).result() == 1


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="there is no fork here"
)
def test_a_pool_of_the_fork_server():
    """So does a pool whose processes a server forks."""
    program, rows, _ = example()
    context = multiprocessing.get_context("forkserver")
    with Gradients(program, rows, lambda: ProcessPoolExecutor(2, mp_context=context)) as gradients:
        agree(gradients)


def test_other_numbers_at_each_call(pool):
    """The numbers are those of the call, not of the parameters, also where they are ints."""
    program, rows, numbers = example(200)
    gradients = Gradients(program, rows, pool)
    rng = random.Random(4)
    for _ in range(3):
        agree(gradients, range(200), [rng.gauss(0.0, 1.0) for _ in numbers])
    agree(gradients, range(200), [2**53 + 1] * len(numbers))
    assert [p.grad for p in program.parameters] == [0.0] * len(numbers)


def test_classes(pool):
    """Each class has a program of its own, and workers get the programs of all in the rows."""
    rng = random.Random(5)
    model = nn.MLP(2, [4, 3], activation="relu", seed=rng)
    program = compile(lambda x, k: losses.cross_entropy(model(x), k), model.parameters())
    rows = [([rng.random(), rng.random()], i // 128) for i in range(384)]
    agree(Gradients(program, rows, pool), range(256))
    assert program.cache_info().shapes == 3
    agree(Gradients(program, rows, pool), range(128, 384))


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_values_outside_the_loss_are_read_at_each_call(pool, kind):
    """A Value that is no parameter has the number that it has when the batch is computed."""
    weight, rate = Value(0.5, "weight"), Value(1.0, "rate")
    program = compile(lambda x: (weight * x * rate).tanh(), [weight])
    rows = [(0.01 * i,) for i in range(256)]
    with ThreadPoolExecutor(2) as threads:
        gradients = Gradients(program, rows, pool if kind == "processes" else threads)
        found = []
        for number in (1.0, 0.25, 1.0):
            rate.data = number
            agree(gradients, range(256))
            found.append(gradients.sums([0.5], range(256)))
        assert found[0] == found[2] != found[1]


def test_programs_that_are_alike_have_values_of_their_own():
    """Threads of one process never set a Value of the user's, though its twin is set elsewhere."""

    def gradients(executor):
        weight, rate = Value(0.5, "weight"), Value(1.0, "rate")
        program = compile(lambda x: (weight * x * rate).tanh(), [weight])
        return Gradients(program, [(0.01 * i,) for i in range(256)], executor), rate

    with ThreadPoolExecutor(2) as threads:
        (one, rate), (other, untouched) = gradients(threads), gradients(threads)
        agree(one, range(256))
        agree(other, range(256))
        rate.data = 0.25
        agree(one, range(256))
        assert untouched.data == 1.0
        agree(other, range(256))
        assert rate.data == 0.25


def test_values_in_rows(pool):
    """Rows may have Values, and numbers of other types that vary, as Program.sums() takes them."""
    weight = Value(0.5, "weight")
    program = compile(lambda x: (weight * x[0] * x[1]).tanh(), [weight])
    rows = [([Value(0.01 * i), 1.0],) for i in range(128)] + [([0.5, 0.01 * i],) for i in range(72)]
    agree(Gradients(program, rows, pool), range(200))


def test_rows_of_any_iterable_and_indices_of_any_iterable():
    """Rows and indices may come from iterators; an index counts from the end if negative."""
    program, rows, numbers = example(200)
    expected = Gradients(program, rows).sums(numbers, range(200))
    found = Gradients(program, iter(rows)).sums(numbers, iter([*range(199), -1]))
    assert found == expected


# ---- what is sent --------------------------------------------------------------------------------


class Recording(ProcessPoolExecutor):
    """A pool that remembers the sizes of the wholes that it was given."""

    def __init__(self, workers):
        super().__init__(workers, mp_context=SPAWN)
        self.wholes, self.count = [], 0

    def submit(self, function, /, *arguments):
        if function is part_sums:
            self.count += 1
            if arguments[-1] is not None:
                self.wholes.append(len(arguments[-1]))
        return super().submit(function, *arguments)


def remembered():
    """Return how many programs a worker remembers."""
    return len(parallel._RECEIVED)


def test_a_worker_gets_the_rows_once_and_remembers_a_few():
    """The rows travel once for a worker, then numbers do; the oldest of many are forgotten."""
    with Recording(1) as executor:
        program, rows, _ = example()
        first = Gradients(program, rows, executor)
        agree(first)
        sizes = sum(len(parts(size)) for size in BATCHES if len(parts(size)) > 1)
        assert len(executor.wholes) == 1
        # The parts of the first batch ask once, all at a time, and run when the rows are there.
        asked = next(len(parts(size)) for size in BATCHES if len(parts(size)) > 1)
        assert executor.count == sizes + asked
        agree(Gradients(program, list(rows), executor))
        assert len(executor.wholes) == 1  # the same rows and program have the same name
        for seed in range(KEPT):
            agree(Gradients(*example(200, seed + 10)[:2], executor), range(200))
        assert len(executor.wholes) == 1 + KEPT
        assert executor.submit(remembered).result() == KEPT
        agree(first, range(300))
        assert len(executor.wholes) == 2 + KEPT


@forks
def test_forked_workers_have_the_rows():
    """A process that is forked after the rows were prepared is sent none of them."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no fork here")
    wholes = []

    class Forking(ProcessPoolExecutor):
        def submit(self, function, /, *arguments):
            wholes.append(arguments[-1])
            return super().submit(function, *arguments)

    context = multiprocessing.get_context("fork")
    program, rows, _ = example(seed=99)  # rows that no other test has made known
    with Gradients(program, rows, lambda: Forking(2, mp_context=context)) as gradients:
        agree(gradients)
    assert wholes == [None] * len(wholes) != []


def test_what_has_no_gain_is_not_sent():
    """A batch of one part is computed here, and so is everything of one worker without executor."""
    program, rows, numbers = example(200)

    def refuse():
        raise AssertionError("an executor was made")

    Gradients(program, rows, refuse).sums(numbers, range(127))
    Gradients(program, rows, workers=1).sums(numbers, range(200))
    with pytest.raises(AssertionError, match="an executor was made"):
        Gradients(program, rows, refuse).sums(numbers, range(128))


class Counting(Executor):
    """An executor that runs nothing until `most` tasks wait, and says how many waited at once."""

    def __init__(self):
        self.running, self.most = 0, 0
        self.threads = ThreadPoolExecutor(16)

    def submit(self, function, /, *arguments):
        self.running += 1
        self.most = max(self.most, self.running)

        def run():
            time.sleep(0.002)
            self.running -= 1
            return function(*arguments)

        return self.threads.submit(run)


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (3, 3), (None, 16), (40, 16)])
def test_workers_bounds_the_tasks_at_a_time(workers, most):
    """No more parts than `workers` are under way at once; without it, all are."""
    program, rows, _ = example()
    executor = Counting()
    with executor.threads:
        agree(Gradients(program, rows, executor, workers), [*range(1200)])
    assert executor.most <= most
    assert executor.most > 1 or workers == 1


# ---- workers that are killed ---------------------------------------------------------------------


def die(function, *arguments):
    """Kill the process that runs this."""
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal(ProcessPoolExecutor):
    """Processes of which one is killed by the task with a given number."""

    def __init__(self, task, workers=2):
        super().__init__(workers, mp_context=SPAWN)
        self.task, self.count = task, 0

    def submit(self, function, /, *arguments):
        self.count += 1
        if self.count == self.task:
            return super().submit(die, function, *arguments)
        return super().submit(function, *arguments)


needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing to kill with")


@needs_kill
def test_a_worker_of_a_given_pool_is_killed():
    """Its parts are computed here, as everything after them, and one warning says so."""
    program, rows, _ = example()
    with Mortal(12) as executor:
        gradients = Gradients(program, rows, executor)
        with pytest.warns(RuntimeWarning, match="goes on alone; give a function") as warned:
            agree(gradients)
        assert len(warned) == 1
        assert warned[0].filename == __file__
        count = executor.count
        agree(gradients)
        assert executor.count == count


@needs_kill
def test_a_worker_of_a_pool_of_its_own_is_killed():
    """Its parts are computed here, and a new pool computes the next batch, without a warning."""
    program, rows, _ = example()
    made = []

    def make():
        made.append(Mortal(3 if not made else 0))
        return made[-1]

    with Gradients(program, rows, make) as gradients:
        agree(gradients, [*range(1100)])
        assert len(made) == 1
        agree(gradients, [*range(1100)])
        agree(gradients)
        assert len(made) == 2
        assert made[1].count > 16


@needs_kill
def test_a_worker_is_killed_while_it_waits():
    """The kill is noticed at the next batch, which loses nothing."""
    program, rows, _ = example()
    with Gradients(
        program, rows, lambda: ProcessPoolExecutor(1, mp_context=SPAWN)
    ) as gradients:  # fmt: skip
        agree(gradients, [*range(300)])
        executor = gradients._executor
        victim = executor.submit(os.getpid).result()
        os.kill(victim, signal.SIGKILL)
        agree(gradients, [*range(300)])
        agree(gradients, [*range(300)])
        assert gradients._executor.submit(os.getpid).result() != victim


@needs_kill
def test_workers_that_are_killed_again_and_again():
    """After a few pools without a result no more is made, and one warning says so."""
    program, rows, _ = example(300)
    made = []

    def make():
        made.append(Mortal(1, workers=1))
        return made[-1]

    with Gradients(program, rows, make) as gradients:
        for _ in range(BREAKS - 1):
            agree(gradients, range(300))
        with pytest.warns(RuntimeWarning, match="goes on alone"):
            agree(gradients, range(300))
        agree(gradients, range(300))
    assert len(made) == BREAKS


@needs_kill
def test_workers_that_are_killed_now_and_then():
    """Pools that compute something before a worker is killed are made anew for ever."""
    program, rows, _ = example(300)
    made = []

    def make():
        made.append(Mortal(12, workers=1))  # four parts ask and run, and the fourth after these
        return made[-1]

    with Gradients(program, rows, make) as gradients:
        for _ in range(2 * (BREAKS + 1)):
            agree(gradients, range(300))
    assert len(made) == BREAKS + 1


class Cancelling(Executor):
    """An executor that runs one task, and then was shut down by somebody else."""

    def __init__(self):
        self.count = 0

    def submit(self, function, /, *arguments):
        self.count += 1
        future = Future()
        if self.count == 1:
            future.set_result(function(*arguments))
        else:
            future.cancel()
            future.set_running_or_notify_cancel()
        return future


def test_cancelled_parts():
    """Parts that somebody else cancels are computed here."""
    program, rows, _ = example()
    gradients = Gradients(program, rows, Cancelling())
    with pytest.warns(RuntimeWarning, match="goes on alone"):
        agree(gradients)


def test_a_pool_that_was_closed():
    """An executor that was closed too early is the caller's error, not a broken one."""
    program, rows, numbers = example(200)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        Gradients(program, rows, executor).sums(numbers, range(200))


def test_close():
    """What was made here is closed here, and made again if need be."""
    program, rows, numbers = example(200)
    made = []

    def make():
        made.append(ThreadPoolExecutor(2))
        return made[-1]

    gradients = Gradients(program, rows, make)
    gradients.close()
    assert made == []
    gradients.sums(numbers, range(200))
    gradients.close()
    gradients.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        made[0].submit(abs, -1)
    agree(gradients, range(200))
    assert len(made) == 2
    gradients.close()


# ---- errors --------------------------------------------------------------------------------------


def faulty():
    """Return a program and rows of which the 200th and the 300th have no value."""
    weight = Value(0.5, "weight")
    program = compile(lambda x, y: (weight * x).exp() / (y * weight), [weight])
    rows = [(1.0, 1.0)] * 400
    rows[200], rows[300] = (1.0, 0.0), (1e4, 1.0)
    return program, rows


@pytest.mark.parametrize("kind", ["alone", "processes", "threads"])
def test_an_error_of_the_program(pool, kind):
    """It is that of the first part that has one, with its note, and the next batch is computed."""
    program, rows = faulty()
    with Dawdling(4, seed=6) as threads:
        executor = {"alone": None, "processes": pool, "threads": threads}[kind]
        gradients = Gradients(program, rows, executor)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError) as caught:
                gradients.sums([0.5], range(400))
            assert caught.value.__notes__[0].startswith("in / with ")
        with pytest.raises(OverflowError) as caught:
            gradients.sums([0.5], range(201, 400))
        assert caught.value.__notes__[0].startswith("in exp with ")
        agree(gradients, [*range(200)])


@pytest.mark.parametrize("kind", ["alone", "processes"])
def test_numbers_and_indices_that_are_wrong(pool, kind):
    """Too few numbers, and an index that is not there, are errors in either case."""
    program, rows, numbers = example(200)
    gradients = Gradients(program, rows, pool if kind == "processes" else None)
    with pytest.raises(ValueError, match="has 21 parameters, not 20"):
        gradients.sums(numbers[1:], range(200))
    with pytest.raises(IndexError, match="out of range"):
        gradients.sums(numbers, range(1, 201))
    with pytest.raises(TypeError, match="must be real number, not str"):
        gradients.sums(["1"] * 21, range(200))


def test_rows_that_no_program_takes(pool):
    """What cannot be hashed is refused as the program refuses it."""
    program, rows, numbers = example(200)
    with pytest.raises(TypeError, match="inputs are numbers in lists and tuples"):
        Gradients(program, [*rows, ({}, 1.0)], pool).sums(numbers, range(200))


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_below_one(workers):
    """Nobody is no number of workers."""
    program, rows, _ = example(1)
    with pytest.raises(ValueError, match=f"a whole number from 1 up, not {workers}"):
        Gradients(program, rows, workers=workers)


def test_what_is_no_executor():
    """An executor is an Executor or a function that makes one."""
    program, rows, _ = example(1)
    with pytest.raises(TypeError, match="takes an Executor, or a function that makes one, not 2"):
        Gradients(program, rows, 2)


def test_what_is_no_program():
    """A function has to be compiled first, and with parameters."""
    with pytest.raises(TypeError, match=r"takes compile\(f, parameters\), not <built-in function"):
        Gradients(abs, [])
    with pytest.raises(TypeError, match=r"takes compile\(f, parameters\), not Program\(abs"):
        Gradients(compile(abs), [])


# ---- Ctrl-C --------------------------------------------------------------------------------------


class Stuck(ThreadPoolExecutor):
    """One thread, which sends Ctrl-C to the main thread once that waits, and stays until let go."""

    def __init__(self):
        super().__init__(1)
        self.tasks, self.go = [], threading.Event()

    def submit(self, function, /, *arguments):
        task = self.interrupt if not self.tasks else function
        self.tasks.append(super().submit(task, *arguments))
        return self.tasks[-1]

    def interrupt(self, *_):
        main = threading.main_thread().ident
        while not waits(sys._current_frames()[main]):
            time.sleep(0.001)
        signal.pthread_kill(main, signal.SIGINT)
        assert self.go.wait(60.0)


def waits(frame):
    """Return whether a thread is inside futures.wait()."""
    while frame and frame.f_code is not wait.__code__:
        frame = frame.f_back
    return bool(frame)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_ctrl_c_cancels_what_waits():
    """KeyboardInterrupt is raised at once, no part is left to run, and a new batch can follow."""
    program, rows, numbers = example()
    with Stuck() as executor:
        gradients = Gradients(program, rows, executor)
        with pytest.raises(KeyboardInterrupt):
            gradients.sums(numbers, range(1200))
        first, *others = executor.tasks
        assert len(others) == 15
        assert all(future.cancelled() for future in others)
        assert not first.done()
        executor.go.set()
        agree(gradients)


TRAINING = """
import concurrent.futures, random
from microgradnet import losses, nn
from microgradnet.compiling import compile
from microgradnet.parallel import Gradients

def main():
    model = nn.MLP(3, [16, 16, 1], activation="tanh", seed=1)
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    rng = random.Random(2)
    rows = [([rng.random() for _ in range(3)], rng.random()) for _ in range(5000)]
    numbers = [p.data for p in program.parameters]
    alone = Gradients(program, rows).sums(numbers, range(5000))
    with Gradients(program, rows, workers=2) as gradients:
        count = 0
        try:
            while True:
                gradients.sums(numbers, range(5000))
                count += 1
                if count == 1:
                    print("trains", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(gradients.sums(numbers, range(5000)) == alone, flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups here")
def test_ctrl_c_at_a_terminal(tmp_path):
    """Ctrl-C reaches workers too: the program goes on where it likes, and ends."""
    script = tmp_path / "training.py"
    script.write_text(TRAINING, encoding="utf-8")
    run = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with run:
        try:
            assert run.stdout.readline() == "trains\n"
            os.killpg(run.pid, signal.SIGINT)
            output, errors = run.communicate(timeout=60)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    assert output == "interrupted\nTrue\n", errors
    assert run.returncode == 0


# ---- a cluster -----------------------------------------------------------------------------------

CLUSTER = """
import logging, os, random, signal, threading, time
import dask
from distributed import Client, LocalCluster
from microgradnet import losses, nn
from microgradnet.compiling import compile
from microgradnet.parallel import Gradients

def kill(client, pids):
    # A worker that is at work on a part: its process, which its nanny starts again.
    while True:
        at_work = [worker for worker, keys in client.processing().items() if keys]
        if at_work:
            os.kill(pids[at_work[0]], signal.SIGKILL)
            return

def main():
    rng = random.Random(1)
    model = nn.MLP(3, [16, 16, 1], activation="tanh", seed=rng)
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    rows = [([rng.random() for _ in range(3)], rng.random()) for _ in range(8000)]
    numbers = [p.data for p in program.parameters]
    expected = Gradients(program, rows).sums(numbers, range(8000))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster, Client(cluster) as client:
        with client.get_executor() as executor:
            gradients = Gradients(program, rows, executor)
            for _ in range(3):
                print(gradients.sums(numbers, range(8000)) == expected, flush=True)
            pids = client.run(os.getpid)
            killer = threading.Thread(target=kill, args=(client, pids))
            killer.start()
            while killer.is_alive():
                print(gradients.sums(numbers, range(8000)) == expected, flush=True)
            killer.join()
            print(gradients.sums(numbers, range(8000)) == expected, flush=True)
            client.wait_for_workers(2, timeout=60)
            print(set(client.run(os.getpid).values()) != set(pids.values()), flush=True)
            try:
                gradients.sums(numbers, range(1, 8001))
            except IndexError as error:
                print(error, flush=True)

if __name__ == "__main__":
    main()
"""


@needs_kill
def test_a_cluster(tmp_path):
    """Dask's workers give the bits of this process, also while one of them is killed."""
    pytest.importorskip("distributed", exc_type=ImportError)
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    lines = run.stdout.splitlines()
    assert lines[-1:] == ["list index out of range"], run.stderr
    assert lines[:-1] == ["True"] * (len(lines) - 1)
    assert len(lines) >= 7
    assert run.returncode == 0, run.stderr
