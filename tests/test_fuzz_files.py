"""Run the fuzzer of files for some cases: see benchmarks/fuzz_files.py for all of them."""

import runpy
from pathlib import Path

FUZZER = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "fuzz_files.py"))


def test_damaged_files_give_an_answer_or_one_clear_error() -> None:
    """600 files cut, flipped, spliced, packed and blown up: each reader has met both outcomes."""
    outcomes, faults, _ = FUZZER["run"](600, seed=1, tell=lambda line: None)
    assert faults == []
    readers = {reader for reader, _ in outcomes}
    assert readers == {"read_csv", "read_frame", "load", "read_idx"}
    assert {reader for reader, what in outcomes if what == "an answer"} == readers
    assert {reader for reader, what in outcomes if what == "ValueError"} == readers


def test_a_fault_is_found_and_counted(monkeypatch) -> None:
    """A reader that raises what is no clear error is told, with the number of its case."""
    run = FUZZER["run"]

    def reader(file, rng):
        raise KeyError("deep")

    monkeypatch.setitem(run.__globals__, "READERS", {kind: [reader] for kind in FUZZER["READERS"]})
    told = []
    _, faults, _ = run(3, tell=told.append)
    assert len(faults) == 3
    assert told == faults
    assert all(fault.startswith("case ") and "KeyError('deep')" in fault for fault in faults)


def test_a_case_is_made_by_its_number_alone() -> None:
    """The same bytes for the same seed and number, in whatever order."""
    case = FUZZER["case"]
    made = [case(7, number)[2] for number in range(20)]
    assert made == [case(7, number)[2] for number in reversed(range(20))][::-1]
    assert made != [case(8, number)[2] for number in range(20)]
