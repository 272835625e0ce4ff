"""Time, memory and files grow as the work does, and what is left behind does not grow at all.

Nothing is timed: lines of Python are counted, bytes, objects and files. The same cases at large
sizes, in seconds, and long runs: `python tests/benchmarks/scale.py`.
"""

import gc
import io
import linecache
import os
import pickle
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from growth import CASES, CYCLES, LEFT, SHAPES, SOAKS, bytes_taken, least, lines_run

from microgradnet import generated
from microgradnet.compiling import compile
from microgradnet.debugging import Debugger
from microgradnet.drawing import draw
from microgradnet.engine import Value
from microgradnet.explaining import explain
from microgradnet.lines import record_lines
from microgradnet.pages import page
from microgradnet.recording import Recording

COMMAND = Path(__file__).parent / "benchmarks" / "scale.py"
SIZE = 128
# Up to 80 conditions one in another, and as many blanks before a line: linear from 6,000 on.
LATER = {"compile deep gates"}


@pytest.mark.parametrize("name", [name for name in CASES if name not in {*LEFT, *LATER}])
def test_twice_as_much_takes_twice_the_lines_and_the_bytes(name):
    """Work on twice as much runs at most 2.1 times the lines; on 4 times, takes 6 times the bytes.

    Quadratic work would take 4 and 16 times as much. What is small has room that it does not use.
    """
    made, size = CASES[name], least(name, SIZE)
    lines, bytes_ = lines_run(made, size), bytes_taken(made, size)
    assert lines_run(made, 2 * size) <= 2.1 * lines + 10
    assert bytes_taken(made, 4 * size) <= 6 * bytes_ + 10_000


def test_quadratic_work_would_be_found():
    """What is done for each pair takes four times the lines, and so would fail the test above."""

    def pairs(size):
        values = list(range(size))
        yield
        for value in values:
            for other in values:
                value * other
        yield

    assert lines_run(pairs, 2 * SIZE) > 3.9 * lines_run(pairs, SIZE)


def test_paths_are_counted_without_their_digits_being_kept():
    """8,000 doublings: the numbers of paths have up to 2,409 digits, but few are kept at a time."""
    x = Value(1.0, "x")
    root = SHAPES["diamonds"](x, 16_000)
    tracemalloc.start()
    try:
        explanation = explain(root, x)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert explanation.count == 2**8_000
    assert explanation.gradient == 1.0
    counts = 2 * 8_000 * 8_000 / 8 / 2  # the bytes of all of them: of a sum and a half each time
    assert peak - kept < counts / 2


def test_2_to_the_1000_paths_are_refused_and_shown_at_once():
    """A picture and a page are refused by their Values, of which 2,002 have so many paths."""
    x = Value(1.0, "x")
    root = SHAPES["diamonds"](x, 2_000)
    assert explain(root, x).count == 2**1_000
    with pytest.raises(ValueError, match=r"at most 1500 nodes, and this graph has 2002; draw a"):
        draw(root)
    with pytest.raises(ValueError, match=r"at most 1000 Values, and this graph has 2002; take one"):
        page(root, "never.html")


# ---- a debugger on a long graph ------------------------------------------------------------------


@pytest.mark.parametrize("line", ["s", "n", "b", "g 9000", "l", "p x", "w x", "p after", "W", "q"])
def test_a_move_in_a_long_graph_costs_what_it_does_in_a_short_one(line):
    """A command at a place among 20,000 steps runs as many lines as among 2,000."""

    def lines(size):
        def command(size):
            x = Value(0.5, "x")
            recording = Recording(SHAPES["chain"](x, size), {"x": x})
            debugger = Debugger(recording, io.StringIO(), io.StringIO())
            debugger.onecmd("goto 900")  # which names the Values
            debugger.onecmd("print x")
            yield
            debugger.onecmd(line.replace("9000", str(size // 2)))
            yield

        return lines_run(command, size)

    assert lines(20_000) <= lines(2_000) + 60


# ---- lines of code -------------------------------------------------------------------------------


def test_a_line_is_remembered_once_for_all_its_values():
    """With record_lines() on, a Value takes 8 bytes more than without: its label is shared."""

    def built(size):
        yield
        yield SHAPES["chain"](Value(0.5), size)

    without = bytes_taken(built, 1_000)
    with record_lines():
        assert bytes_taken(built, 1_000) < without + 20_000
        first, second = SHAPES["chain"](Value(0.5), 2).args[0], SHAPES["chain"](Value(0.5), 1)
    assert first.line is second.line
    second.label = "its own"
    assert (first.label, second.label, second.line) == ("", "its own", first.line)


# ---- the files of programs -----------------------------------------------------------------------


def texts():
    """Return how many texts of programs there are: in the folder of their files, in linecache."""
    folder = generated._folder()
    return len(os.listdir(folder)), sum(path.startswith(folder) for path in linecache.cache)


def test_the_text_of_a_program_goes_with_it():
    """A file, and its entry in linecache, is there for as long as a function of that text is."""
    gc.collect()
    before = texts()
    w = Value(2.0, "w")
    first, second = (compile(lambda x: w * x + 0.40625, [w]) for _ in range(2))
    assert (first(1.0), second(1.0)) == (2.40625, 2.40625)
    assert texts() == (before[0] + 1, before[1] + 1)  # the same text: one file
    del first
    gc.collect()
    assert texts() == (before[0] + 1, before[1] + 1)
    assert second(1.0) == 2.40625
    del second
    gc.collect()
    assert texts() == before


def test_a_program_goes_without_the_collector():
    """No cycle holds the functions of a program: their file goes with the last reference."""
    gc.collect()
    gc.disable()
    try:
        before = texts()
        w = Value(2.0, "w")
        program = compile(lambda x: w * x + 0.421875, [w])
        program(1.0)
        assert texts() != before
        del program
        assert texts() == before
    finally:
        gc.enable()


def test_a_traceback_keeps_the_text_that_it_shows():
    """While an error of a program is held, its line can be shown, also when the program is gone."""
    w = Value(2.0, "w")
    program = compile(lambda x: 0.453125 / (w * x), [w])
    program(1.0)
    with pytest.raises(ZeroDivisionError) as caught:
        program(0.0)
    del program
    gc.collect()
    assert str(caught.traceback[-1].statement).strip() == "loss = 0.453125 / v"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_leaves_its_parent_s_files():
    """A child that drops a program that it was forked with removes no file of its parent."""
    w = Value(2.0, "w")
    program = compile(lambda x: w * x + 0.484375, [w])
    program(1.0)
    before = texts()
    child = os.fork()
    if not child:
        try:
            del program
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert texts() == before
    assert program(1.0) == 2.484375


def test_python_s_compiler_out_of_memory_says_what_to_do(monkeypatch):
    """A MemoryError has the number of lines and the way out: a loop over rows."""

    def refuse(*_, **__):
        raise MemoryError

    w = Value(2.0, "w")
    program = compile(lambda x: w * x + 0.515625, [w])
    monkeypatch.setattr(generated, "builtins", SimpleNamespace(compile=refuse))
    with pytest.raises(MemoryError) as caught:
        program(1.0)
    (note,) = caught.value.__notes__
    assert "not the 11 lines of '<lambda>'; trace one example, and give the rows to over()" in note


# ---- long runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(SOAKS))
def test_a_round_leaves_no_object_behind(name):
    """15 rounds leave as many objects as there were, with the collector on; most also without."""
    rounds = SOAKS[name]()
    many = 5 if "variants" in name else 15
    for collected in (True, False) if name not in CYCLES else (True,):
        for _ in range(many):
            next(rounds)
        gc.collect()
        gc.disable()
        try:
            next(rounds)
            before = len(gc.get_objects())
            for _ in range(many):
                next(rounds)
            if collected:
                gc.collect()
            assert len(gc.get_objects()) - before < many / 5
        finally:
            gc.enable()
    rounds.close()


def test_walks_that_nobody_holds_are_over():
    """Of 100 walks left half-way none is open: each ended when it was dropped."""
    from microgradnet.engine import OPEN_WALKS

    x = Value(0.5, "x")
    for _ in range(100):
        with suppress(StopIteration):
            next(SHAPES["chain"](x, 20).backward_steps())
    assert OPEN_WALKS == []


def test_pickled_programs_do_not_grow():
    """A program that is pickled and loaded again and again has the same text, and one file."""
    w = Value(2.0, "w")
    program = compile(lambda x: w * x + 0.546875, [w])
    program(1.0)
    first = pickle.dumps(program)
    files = texts()
    for _ in range(5):
        program = pickle.loads(pickle.dumps(program))
        assert program(1.0) == 2.546875
    assert len(pickle.dumps(program)) <= len(first)
    gc.collect()
    assert texts()[0] <= files[0] + 1  # that of over(), which travels too


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the command reads /proc")
def test_the_command():
    """It prints a row for a case and one for a soak, and finds nothing."""
    command = [sys.executable, COMMAND, "--budget", "0.01", "--largest", "1000", "--steps", "60"]
    done = subprocess.run(
        [*command, "--only", "histories"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "histories" in done.stdout
    done = subprocess.run(
        [*command, "--only", "failures"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 cases in" in done.stdout
