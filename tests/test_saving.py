"""save and load: the same bits, the file that is there, and files that are not whole."""

import copy
import errno
import gzip
import json
import math
import os
import random
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgradnet import nn
from microgradnet.operations import OPERATIONS
from microgradnet.pipeline import Pipeline
from microgradnet.saving import load, save
from microgradnet.tables import Encoding, Frame

PEOPLE = Frame(
    "people.csv",
    ["sex", "age", "häfen", "alive"],
    [
        ["male", "20.1", "a", "0"],
        ["female", "", "b \u2028 '\"\\", "1"],
        ["male", "40", "日本", "0"],
    ],
)
ENCODING = Encoding.fit(PEOPLE, target="alive", missing="fill")


def pipeline():
    """Return a classifier of people, with an encoding of every kind."""
    return Pipeline(ENCODING, nn.MLP(5, [2, 2], "tanh", seed=1), ["nein", "jä\n"], "alive")


MODELS = {
    "neuron": lambda: nn.Neuron(3, "gelu", seed=1),
    "neuron of one": lambda: nn.Neuron(1, "linear", seed=1),
    "layer": lambda: nn.Layer(2, 3, "silu", seed=2),
    "layer of one": lambda: nn.Layer(2, 1, seed=2),
    "mlp": lambda: nn.MLP(3, [4, 1, 2], "elu", "sigmoid", seed=3),
    "mlp of one": lambda: nn.MLP(1, [1], seed=3),
    "dropout": lambda: nn.MLP(2, [3, 1], seed=3, dropout=[0.2, 0.5]),
    "dropout in a pipeline": lambda: Pipeline(None, nn.MLP(2, [3, 1], seed=4, dropout=0.1)),
    "classes": pipeline,
    "number": lambda: Pipeline(None, nn.MLP(2, [3, 1], seed=4), None, "y", (-0.1, 1e-300)),
    "one logit": lambda: Pipeline(None, nn.MLP(2, [1], seed=4), ["a", "b"]),
}


@pytest.fixture
def file(tmp_path):
    """Return where a model may go."""
    return tmp_path / "model.json"


def bits(model):
    """Return each parameter's bits."""
    return {path: number.hex() for path, number in model.state_dict().items()}


def edited(model, file, change, checksum=False):
    """Save a model, change what the file holds, and leave its checksum out."""
    save(model, file)
    document = json.loads(file.read_text(encoding="utf-8"))
    if not checksum:
        del document["checksum"]
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


# ---- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_model_comes_back_with_its_bits(make, file) -> None:
    """Class, architecture and every bit of every parameter are the same, and so are answers."""
    model = make()
    save(model, file)
    loaded = load(file)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert bits(loaded) == bits(model)
    inner = loaded.model if isinstance(loaded, Pipeline) else loaded
    width = len(inner.w) if isinstance(inner, nn.Neuron) else int(re.search(r"\d+", repr(inner))[0])
    x = [0.1 * i - 0.3 for i in range(width)]
    assert str(loaded(x)) == str(model(x))


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_what_is_loaded_is_saved_as_the_same_bytes(make, file, tmp_path) -> None:
    """save(load(file)) writes the file again."""
    save(make(), file)
    save(load(file), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


def test_a_pipeline_answers_as_before(file) -> None:
    """Encoding, classes, target and scale come back too: the same answers for a file's rows."""
    model = pipeline()
    save(model, file)
    loaded = load(file)
    assert loaded.encoding == model.encoding
    assert loaded.probabilities(PEOPLE) == model.probabilities(PEOPLE)
    assert loaded.predict(PEOPLE) == model.predict(PEOPLE)
    assert (loaded.classes, loaded.target) == (["nein", "jä\n"], "alive")
    number = MODELS["number"]()
    save(number, file)
    assert load(file).scale == (-0.1, 1e-300)
    assert load(file).predict([[1.5, -2.0]]) == number.predict([[1.5, -2.0]])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_finite_float_keeps_its_bits(file, numbers) -> None:
    """Also -0.0, subnormal numbers and the largest ones."""
    model = nn.Neuron(3, seed=0)
    for p, number in zip(model.parameters(), numbers, strict=True):
        p.data = number
    save(model, file)
    assert bits(load(file)) == bits(model)


def test_signs_of_zero_and_extremes_are_kept(file) -> None:
    """The numbers that are lost most easily."""
    model = nn.Neuron(4, seed=0)
    numbers = [-0.0, 5e-324, -sys.float_info.max, 0.1 + 0.2, 0.0]
    model.load_state_dict(dict(zip(model.state_dict(), numbers, strict=True)))
    save(model, file)
    assert [number.hex() for number in load(file).state_dict().values()] == [
        number.hex() for number in numbers
    ]


def test_a_file_can_be_read(file) -> None:
    """The whole text: indented, one line a neuron, text as it is."""
    model = Pipeline(None, nn.MLP(1, [2, 2], seed=0), ["nein", "jä"], "größe")
    for number, p in enumerate(model.parameters()):
        p.data = number / 4
    save(model, file)
    text = re.sub("[0-9a-f]{64}", "...", file.read_text(encoding="utf-8"))
    assert (
        text
        == """\
{
  "format": "microgradnet",
  "version": 1,
  "checksum": "...",
  "kind": "Pipeline",
  "architecture": {"nin": 1, "nouts": [2, 2], "activation": "relu", "output": "linear"},
  "encoding": null,
  "classes": ["nein", "jä"],
  "target": "größe",
  "scale": [0.0, 1.0],
  "parameters": {
    "layers.0.neurons.0.w": [0.0],
    "layers.0.neurons.0.b": 0.25,
    "layers.0.neurons.1.w": [0.5],
    "layers.0.neurons.1.b": 0.75,
    "layers.1.neurons.0.w": [1.0, 1.25],
    "layers.1.neurons.0.b": 1.5,
    "layers.1.neurons.1.w": [1.75, 2.0],
    "layers.1.neurons.1.b": 2.25
  }
}
"""
    )


def test_dropout_stands_in_the_file_where_there_is_any(file) -> None:
    """Without it a file is as it was before there was dropout, and such a file is read."""
    save(nn.MLP(1, [2, 2], seed=0, dropout=0.5), file)
    architecture = {"nin": 1, "nouts": [2, 2], "activation": "relu", "output": "linear"}
    written = json.loads(file.read_text(encoding="utf-8"))["architecture"]
    assert written == {**architecture, "dropout": [0.0, 0.5]}
    save(nn.MLP(1, [2, 2], seed=0), file)
    assert json.loads(file.read_text(encoding="utf-8"))["architecture"] == architecture
    assert load(file).dropout == [0.0, 0.0]


def test_the_same_model_gives_the_same_file(file, tmp_path) -> None:
    """No dates, no hashes by address: files can be compared."""
    save(pipeline(), file)
    save(pipeline(), tmp_path / "twin.json")
    assert file.read_bytes() == (tmp_path / "twin.json").read_bytes()


def test_load_leaves_the_random_numbers_alone(file) -> None:
    """A program that seeds `random` goes on as if nothing had been loaded."""
    save(pipeline(), file)
    random.seed(3)
    before = random.getstate()
    load(file)
    assert random.getstate() == before


def test_a_loaded_model_trains(file) -> None:
    """Its parameters are leaves with labels: gradients reach them."""
    save(MODELS["mlp"](), file)
    model = load(file)
    model([1.0, 2.0, 3.0])[0].backward()
    assert any(p.grad for p in model.parameters())
    assert [p.label for p in model.parameters()] == list(model.state_dict())


def test_paths_of_both_kinds(tmp_path) -> None:
    """A path is text or a Path; the suffix is free."""
    save(nn.Neuron(1, seed=0), str(tmp_path / "a"))
    assert repr(load(tmp_path / "a")) == repr(load(str(tmp_path / "a")))


def test_numbers_that_training_may_leave(file) -> None:
    """What is a real number in `data` is written as its float."""
    model = nn.Neuron(1, seed=0)
    model.w[0].data, model.b.data = 3, True
    save(model, file)
    assert load(file).state_dict() == {"w.0": 3.0, "b": 1.0}


# ---- models that are refused -------------------------------------------------------------------


class Own(nn.MLP):
    """A class of one's own."""


def tied():
    """Return an MLP of which two neurons share a weight."""
    model = nn.MLP(2, [2], seed=0)
    model.layers[0].neurons[1].w[0] = model.layers[0].neurons[0].w[0]
    return model


def changed(change):
    """Return an MLP after a change."""
    model = nn.MLP(2, [2, 2], seed=0)
    change(model)
    return model


@pytest.mark.parametrize(
    "model",
    [
        nn.Module(),
        Own(2, [1], seed=0),
        Pipeline(None, Own(2, [1], seed=0)),
        type("Mine", (Pipeline,), {})(None, nn.MLP(2, [1], seed=0)),
        tied(),
        changed(lambda m: setattr(m.layers[0].neurons[0], "activation", "tanh")),
        changed(lambda m: setattr(m, "output", "tanh")),
        changed(lambda m: setattr(m, "temperature", nn.Value(1.0))),
        changed(lambda m: m.layers.append(nn.Layer(2, 2, seed=0))),
        changed(lambda m: m.layers[0].neurons[0].w.append(nn.Value(1.0))),
        changed(lambda m: m.layers[0].neurons[0].w.__setitem__(0, 0.5)),
        changed(lambda m: m.layers.__setitem__(0, type("L", (nn.Layer,), {})(2, 2, seed=0))),
        "a model",
        None,
    ],
    ids=repr,
)  # fmt: skip
def test_a_model_that_would_come_back_as_another_is_refused(model, file) -> None:
    """Classes of one's own, and exchanged parts, are a TypeError with a way out."""
    with pytest.raises(TypeError, match=r"takes a Neuron.*as its class makes it, not .*state_dict"):
        save(model, file)
    assert not file.exists()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_parameters_that_are_not_finite_are_refused(number, file) -> None:
    """JSON has no nan, and such a model no answers: the old file stays."""
    save(nn.Neuron(2, seed=0), file)
    before = file.read_bytes()
    model = nn.MLP(2, [2], seed=0)
    model.layers[0].neurons[1].w[0].data = number
    with pytest.raises(ValueError, match=rf"not {number} as layers.0.neurons.1.w.0; train again"):
        save(model, file)
    assert file.read_bytes() == before


def test_a_pipeline_that_was_broken_since_is_refused(file) -> None:
    """What load() would refuse is not written."""
    model = pipeline()
    model.classes = ["a", "b", "c"]
    with pytest.raises(ValueError, match="an output for each of"):
        save(model, file)
    assert not file.exists()


# ---- writing -----------------------------------------------------------------------------------


@contextmanager
def nobody():
    """Run as a user without rights over others' files, where the tests are run by root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder():
    """Yield a folder that anybody may enter and write to."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)
        os.chmod(name, 0o777)


posix = pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), SystemExit()]
)
@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_failure_leaves_the_old_file_and_nothing_else(failure, step, file, monkeypatch) -> None:
    """A full disk or Ctrl-C at any step: the old model is there, and no part of a new one."""
    save(MODELS["layer"](), file)
    before = file.read_bytes()

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(failure)):
        save(MODELS["mlp"](), file)
    monkeypatch.undo()
    assert [path.name for path in file.parent.iterdir()] == ["model.json"]
    assert file.read_bytes() == before


@posix
def test_a_full_disk_is_one_clear_error(file) -> None:
    """A limit on the size of files, as a full disk: the error says what and why, and has errno."""
    import resource

    save(MODELS["layer"](), file)
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(
            OSError, match=r"can be written, not '.*model.json' \(File too large\)"
        ) as e:
            save(nn.MLP(100, [10], seed=0), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert e.value.errno == errno.EFBIG
    assert [path.name for path in file.parent.iterdir()] == ["model.json"]
    assert file.read_bytes() == before


@posix
def test_a_folder_that_may_not_be_written_is_one_clear_error(folder) -> None:
    """PermissionError, and the model in it is as it was."""
    file = folder / "model.json"
    save(MODELS["layer"](), file)
    os.chmod(file, 0o666)
    before = file.read_bytes()
    os.chmod(folder, 0o555)
    with (
        nobody(),
        pytest.raises(PermissionError, match=r"model.json' \(Permission denied\); check"),
    ):
        save(MODELS["mlp"](), file)
    assert [path.name for path in folder.iterdir()] == ["model.json"]
    assert file.read_bytes() == before


@posix
def test_a_file_that_is_write_protected_stays(folder) -> None:
    """chmod a-w keeps a model, although the folder would let the file be replaced."""
    file = folder / "model.json"
    with nobody():
        save(MODELS["layer"](), file)
        before = file.read_bytes()
        os.chmod(file, 0o444)
        with pytest.raises(PermissionError, match=r"model.json' \(Permission denied\)"):
            save(MODELS["mlp"](), file)
    assert [path.name for path in folder.iterdir()] == ["model.json"]
    assert file.read_bytes() == before


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_of_a_file_are_kept(mode, file) -> None:
    """A file that others may read, or not, stays so."""
    save(MODELS["layer"](), file)
    os.chmod(file, mode)
    save(MODELS["mlp"](), file)
    assert stat.S_IMODE(file.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_follows_the_umask(mask, file) -> None:
    """As any file that a program writes, not 0600 as a temporary one."""
    before = os.umask(mask)
    try:
        save(MODELS["layer"](), file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask


@posix
def test_a_symbolic_link_stays_one(file, tmp_path) -> None:
    """The file that it leads to is replaced, also in another folder, also where none is yet."""
    (tmp_path / "store").mkdir()
    target = tmp_path / "store" / "v1.json"
    file.symlink_to(Path("store", "v1.json"))
    for make in (MODELS["layer"], MODELS["mlp"]):
        save(make(), file)
        assert file.is_symlink()
        assert not target.is_symlink()
        assert repr(load(target)) == repr(load(file)) == repr(make())
    assert [path.name for path in target.parent.iterdir()] == ["v1.json"]


@posix
def test_only_a_regular_file_is_replaced(tmp_path) -> None:
    """A folder, a pipe or a device is never swapped for a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, reason in [("pipe", "no regular file"), ("", "no regular file"), ("loop", "ymbolic")]:
        with pytest.raises(OSError, match=reason):
            save(nn.Neuron(1, seed=0), tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop", "pipe"]


@pytest.mark.parametrize("path", ["nowhere/model.json", "file/model.json", f"{'long' * 70}.json"])
def test_a_path_that_cannot_be_is_one_clear_error(path, tmp_path) -> None:
    """The OSError names save() and the path that was given, not a temporary file."""
    (tmp_path / "file").write_text("text")
    told = rf"^save\(\) takes a file that can be written, not '.*{path[-60:]}' \("
    with pytest.raises(OSError, match=told):
        save(nn.Neuron(1, seed=0), tmp_path / path)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@posix
def test_a_killed_process_leaves_a_whole_file(file) -> None:
    """SIGKILL in the middle of many saves: what is there loads, with the bits of one model."""
    program = (
        "import sys\nfrom microgradnet import nn\nfrom microgradnet.saving import save\n"
        "models = [nn.MLP(40, [20], seed=seed) for seed in range(2)]\n"
        "while True:\n    for model in models:\n        save(model, sys.argv[1])\n"
    )
    whole = [bits(nn.MLP(40, [20], seed=seed)) for seed in range(2)]
    for pause in (0.0, 0.003, 0.007):
        process = subprocess.Popen([sys.executable, "-c", program, str(file)])
        try:
            while not file.exists():
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(pause)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert bits(load(file)) in whole
        file.unlink()


# ---- files that are refused --------------------------------------------------------------------


def refused(file, message):
    """Check that a file is a ValueError with that message, of one line; return the match."""
    with pytest.raises(ValueError, match=message) as caught:
        load(file)
    assert type(caught.value) is ValueError
    text = str(caught.value)
    assert text.startswith(f"load() takes a file of save(), not {str(file)!r}: ")
    assert "; " in text
    assert len(text) < 1000 + len(str(file))
    assert "\n" not in text
    return re.search(message, text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with b''"),
        (b" \n", "begins with"),
        (b"{", "line 1 column 2.*; take a copy that is whole"),
        (b"{}", "its format is None; look for another file"),
        (b"[]", r"begins with b'\[\]', not with {"),
        (b'{"format": "other", "weights": [1.0]}', "its format is 'other'"),
        (b'{"format": "microgradnet"} more', "Extra data"),
        (b'{"format": "microgradnet"}', "version takes a whole number from 1 up, not None"),
        (b'{"format": "microgradnet", "version": 0}', "from 1 up, not 0"),
        (b'{"format": "microgradnet", "version": true}', "from 1 up, not True"),
        (b'{"format": "microgradnet", "version": 1.0}', "from 1 up, not 1.0"),
        (b'{"format": "microgradnet", "version": 2}', "newer microgradnet; upgrade, with pip"),
        (b'{"format": "microgradnet", "version": 1}', "kind takes one of Neuron, Layer, MLP, Pipe"),
        (b'{"format": "microgradnet", "version": 1, "kind": "os.system"}', "not 'os.system'"),
        (b'{"format": "microgradnet", "version": 1, "kind": ["MLP"]}', "kind takes one of"),
        (b'{"format": "microgradnet", "version": 1, "kind": "MLP"}', "MLP takes format, version"),
        (b'{"a": 1, "a": 1}', "a name stands there once, not 'a' twice"),
        (b'{"a": NaN}', "a number is finite, not 'NaN'"),
        (b'{"a": -Infinity}', "a number is finite, not '-Infinity'"),
        (b'{"a": 1e999}', "a number is finite, not '1e999'"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": ' + b"[" * 100_000, "nested too deep"),
        (b'{"a": ' * 100_000, "nested too deep"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b"\x80\x04\x95", r"begins with b'\\x80"),
        (b"PK\x03\x04", "begins with b'PK"),
        (gzip.compress(b"{}", mtime=0), "it is compressed; decompress it with gunzip"),
        ('{"ä": 1}'.encode("latin-1"), "byte 2 is not UTF-8; save it as text in UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "begins with"),
        (b'{"a": "\xed\xa0\x80"}', "byte 7 is not UTF-8"),
        (b"\0" * 1000, "begins with"),
    ],
)
def test_another_file_is_one_clear_error(content, message, file) -> None:
    """What no save() wrote is a ValueError that says what is wrong, and what to do."""
    file.write_bytes(content)
    refused(file, message)


def put(path, item):
    """Return a change: the item at a path of names, or with ... its removal."""

    def change(document):
        *outer, last = path
        for name in outer:
            document = document[name]
        if item is ...:
            del document[last]
        else:
            document[last] = item

    return change


WEIGHTS = ("parameters", "layers.0.neurons.0.w")


@pytest.mark.parametrize(
    ("path", "item", "message"),
    [
        (("architecture",), ..., "MLP takes format, version, checksum, kind, architecture, param"),
        (("more",), 1, "MLP takes format"),
        (("classes",), None, "MLP takes format"),
        (("kind",), "Layer", "architecture takes nin, nout, activation, not"),
        (("architecture",), [2, [2]], r"architecture takes .*, not \[2, \[2\]\]"),
        (("architecture", "seed"), 3, "architecture takes nin, nouts, activation, output, not"),
        (("architecture", "nin"), ..., "architecture takes nin"),
        (("architecture", "nin"), 3, "takes 16 parameters, not 13"),
        (("architecture", "nin"), 0, "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), -2, "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), True, "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), 2.0, "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), "2", "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), None, "sizes are whole numbers from 1 up"),
        (("architecture", "nin"), 10**9, "takes 3000000007 parameters, not 13"),
        (("architecture", "nin"), 10**100, "takes .* parameters, not 13"),
        (("architecture", "nouts"), [3, 10**9], "takes 4000000009 parameters, not 13"),
        (("architecture", "nouts"), [10**9, 10**9], "parameters, not 13"),
        (("architecture", "nouts"), [], "sizes are whole numbers"),
        (("architecture", "nouts"), 2, "sizes are whole numbers"),
        (("architecture", "nouts"), [[3], 1], "sizes are whole numbers"),
        (("architecture", "nouts"), {"3": 1}, "sizes are whole numbers"),
        (("architecture", "nouts"), [1, 3], "takes 9 parameters, not 13"),
        (("architecture", "activation"), "system", "activation is one of linear.*not 'system'"),
        (("architecture", "activation"), "add", "activation is one of linear.*not 'add'"),
        (("architecture", "output"), "__import__", "activation is one of .*not '__import__'"),
        (("architecture", "output"), ["relu"], "activation is one of"),
        (("architecture", "activation"), None, "activation is one of"),
        (("architecture", "activation"), {}, "activation is one of"),
        (("architecture", "dropout"), [0.5], r"a sequence of 2, .*not \[0.5\]"),
        (("architecture", "dropout"), [0.5] * 9**5, "a sequence of 2"),
        (("architecture", "dropout"), [0.0, 1.0], "shares from 0 to below 1, not 1.0"),
        (("architecture", "dropout"), [0.0, None], "shares from 0 to below 1, not None"),
        (("architecture", "dropout"), [10**400, 0], "shares from 0 to below 1, not 1000"),
        (("architecture", "dropout"), "01", "a sequence of 2, .*not '01'"),
        (("architecture", "dropout"), {}, "a sequence of 2, .*not {}"),
        (("parameters",), [1.0] * 13, "parameters takes names with numbers"),
        (("parameters",), {}, "takes 13 parameters, not 0"),
        (("parameters", "more"), 1.0, "takes 13 parameters, not 14"),
        (("parameters", "more"), [], r"more takes a number, not \[\]"),
        (WEIGHTS, ..., "takes 13 parameters, not 11"),
        (WEIGHTS, [1.0], "takes 13 parameters, not 12"),
        (WEIGHTS, [1.0, 2.0, 3.0], "takes 13 parameters, not 14"),
        (WEIGHTS, [1.0, True], "layers.0.neurons.0.w.1 takes a number, not True"),
        (WEIGHTS, [1.0, None], "w.1 takes a number, not None"),
        (WEIGHTS, ["1.0", 1.0], "w.0 takes a number, not '1.0'"),
        (WEIGHTS, [[1.0], 1.0], r"w.0 takes a number, not \[1.0\]"),
        (WEIGHTS, [1.0, 10**400], "w.1 takes a number, not 1000"),
        (WEIGHTS, [1.0, 2**53 + 1], "w.1 takes a number, not 9007199254740993"),
        (WEIGHTS, 1.0, "takes 13 parameters, not 12"),
        (("parameters", "layers.0.neurons.0.w.0"), 1.0, "once, not 'layers.0.neurons.0.w.0' twice"),
        (("parameters", "layers.0.neurons.0.b"), [1.0], "missing: 'layers.0.neurons.0.b'"),
    ],
)  # fmt: skip
def test_a_changed_file_is_one_clear_error(path, item, message, file) -> None:
    """Missing, additional and wrong parts are named before anything of their size is built."""
    refused(edited(nn.MLP(2, [3, 1], seed=0), file, put(path, item)), message)


@pytest.mark.parametrize(
    ("path", "item", "message"),
    [
        (("encoding",), ..., "Pipeline takes format.*encoding, classes, target, scale"),
        (("encoding",), [], "Encoding.from_dict"),
        (("encoding",), {"columns": []}, "Encoding"),
        (("encoding", "columns", 0, "kind"), "eval", "'number' or 'category' as kind, not 'eval'"),
        (("encoding", "columns", 1, "mean"), "0", "a finite mean"),
        (("encoding", "columns", 1), ..., "the 4 inputs of the encoding"),
        (("classes",), None, "1 output without classes"),
        (("classes",), "ab", "classes takes a list of names, not 'ab'"),
        (("classes",), ["a"], "different names, 2 or more"),
        (("classes",), ["a", ["b"]], "different names, 2 or more"),
        (("classes",), ["a", 1], "different names, 2 or more"),
        (("classes",), ["a"] * 5000, "different names, 2 or more"),
        (("classes",), ["a", "b", "c"], "an output for each of"),
        (("target",), None, "target takes the name of a column"),
        (("scale",), 1.0, "scale takes floats, not 1.0"),
        (("scale",), [0, 10**400], "scale takes floats"),
        (("scale",), [0.0, None], "scale takes floats"),
        (("scale",), [0.0], "a mean and a deviation"),
        (("scale",), [1.0, 2.0], "scale is for a number"),
        (("kind",), "MLP", "MLP takes format"),
    ],
)
def test_a_changed_pipeline_is_one_clear_error(path, item, message, file) -> None:
    """The parts of a pipeline are checked as its class checks them."""
    refused(edited(pipeline(), file, put(path, item)), message)


@pytest.mark.parametrize(
    ("path", "item"),
    [
        (("parameters", "b"), 2.0),
        (("parameters", "w"), [0.0]),
        (("architecture", "activation"), "tanh"),
    ],
)
def test_a_change_is_found_by_the_checksum_unless_it_is_taken_out(path, item, file) -> None:
    """A number that was damaged or edited is an error; without its checksum a file is believed."""
    model = nn.Neuron(1, seed=0)
    edited(model, file, put(path, item), checksum=True)
    text = file.read_text()
    now = refused(file, "it was changed, its checksum is now ([0-9a-f]{64}); .*take out the line")
    file.write_text(re.sub("[0-9a-f]{64}", now[1], text))
    accepted = load(file)
    edited(model, file, put(path, item))
    assert bits(load(file)) == bits(accepted)
    assert (bits(accepted), repr(accepted)) != (bits(model), repr(model))


def test_a_line_can_be_taken_out_by_hand(file) -> None:
    """The file without the line of its checksum is JSON, and is believed: 0 for 0.0 too."""
    save(nn.Neuron(1, seed=0), file)
    lines = [line for line in file.read_text().splitlines() if "checksum" not in line]
    file.write_text("\n".join(lines).replace("0.0", "3"))
    assert load(file).state_dict()["b"] == 3.0


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: json.dumps(json.loads(raw)).encode(),
        lambda raw: json.dumps(json.loads(raw), indent=8, sort_keys=True).encode(),
    ],
    ids=["line ends", "BOM", "one line", "sorted"],
)
def test_the_layout_is_free(change, file) -> None:
    """Line ends, indentation and order may change on the way: the content is the same."""
    save(pipeline(), file)
    before = file.read_bytes()
    file.write_bytes(change(before))
    save(load(file), file)
    assert file.read_bytes() == before


def test_every_beginning_of_a_file_is_refused(file) -> None:
    """A file that was cut anywhere is one error, except for the last line's end."""
    save(nn.Neuron(1, seed=0), file)
    raw = file.read_bytes()
    for length in range(len(raw) - 2):
        file.write_bytes(raw[:length])
        refused(file, "whole")
    file.write_bytes(raw[:-1])
    assert bits(load(file)) == bits(nn.Neuron(1, seed=0))


def test_files_that_cannot_be_read_are_os_errors(tmp_path) -> None:
    """A missing file or a folder: the kind of open(), with a message that names the path."""
    with pytest.raises(
        FileNotFoundError, match=r"load\(\) takes a file that can be read, not '.*a.j"
    ):
        load(tmp_path / "a.json")
    with pytest.raises(OSError, match="can be read") as caught:
        load(tmp_path)
    assert caught.value.errno in (errno.EISDIR, errno.EACCES)


@posix
def test_an_endless_file_ends() -> None:
    """/dev/zero is refused by its first bytes."""
    refused("/dev/zero", "begins with")


RUNS = """
import json, sys
from microgradnet.saving import load

def load_file(names):
    for name in names:
        try:
            print(load(name))
        except ValueError as error:
            assert "is one of" in str(error), error

def hook(event, arguments):
    if watched and event.partition(".")[0] in ("import", "exec", "compile", "pickle", "subprocess"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(hook)
watched = False
load_file(sys.argv[1:])
watched = True
load_file(sys.argv[1:])
"""


def test_a_name_out_of_a_file_is_shown_as_python_writes_it(file) -> None:
    """No control characters reach the terminal, and no long name fills it."""

    def rename(document):
        document["parameters"]["\x1b[2J" * 100] = document["parameters"].pop("b")

    with pytest.raises(ValueError, match="'b'; not in the model") as caught:
        load(edited(nn.Neuron(1, seed=0), file, rename))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_file_runs_nothing(tmp_path) -> None:
    """Python's own audit sees no import, no compiled text and no pickle, whatever the names."""
    save(pipeline(), tmp_path / "whole.json")
    for number, name in enumerate(["os.system", "__import__('os')", "microgradnet.cli:main"]):
        file = tmp_path / f"{number}.json"
        edited(nn.Neuron(1, seed=0), file, put(("architecture", "activation"), name))
    files = sorted(map(str, tmp_path.iterdir()))
    command = [sys.executable, "-c", RUNS, *files]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("Pipeline") == 2


# ---- damage at random --------------------------------------------------------------------------


def saved(model):
    """Return the bytes of a model's file."""
    with tempfile.TemporaryDirectory() as name:
        save(model, Path(name, "model.json"))
        return Path(name, "model.json").read_bytes()


FILES = [saved(make()) for make in MODELS.values()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from([10**9, 10**400, 1e308, -0.0, 2**63, "relu", "tanh", "number", "category"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["nin", "nouts", "columns", "w", "b", "name"]), inner),
    max_leaves=5,
)  # fmt: skip


def loaded_or_refused(file, raw):
    """Load damaged bytes: None of a ValueError with a remedy, else the bytes of the model."""
    file.write_bytes(raw)
    try:
        model = load(file)
    except ValueError as error:
        return None if type(error) is ValueError and "; " in str(error) else error
    save(model, file)
    return file.read_bytes()


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
def test_damaged_bytes_are_the_same_model_or_a_value_error(file, original, data) -> None:
    """Bytes exchanged, cut out, doubled or inserted: never another model, never another error."""
    raw = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 8)))
        new = data.draw(
            st.binary(max_size=8) | st.sampled_from([bytes(raw[:end]), b"0", b"-", b" "])
        )
        raw[start:end] = new
    assert loaded_or_refused(file, bytes(raw)) in (None, original)


@given(st.sampled_from(FILES), st.booleans(), st.data())
@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
def test_damaged_content_is_a_model_or_a_value_error(file, original, checksum, data) -> None:
    """JSON with other values: without its checksum it may be a model, and that one is whole."""
    document = json.loads(original)
    if not checksum:
        del document["checksum"]
    for _ in range(data.draw(st.integers(1, 3))):
        place = document
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                break
            name = data.draw(st.sampled_from(names))
            if isinstance(place[name], dict | list) and place[name] and data.draw(st.booleans()):
                place = place[name]
                continue
            how = data.draw(st.sampled_from(["remove", "set", "add", "move"]))
            if how == "remove":
                del place[name]
            elif how == "set":
                place[name] = data.draw(JSON)
            elif isinstance(place, dict):
                place[data.draw(st.sampled_from(["w", "nin", "more"]))] = place[name]
            else:
                place.insert(name, copy.deepcopy(data.draw(st.sampled_from(place))))
            break
    found = loaded_or_refused(file, json.dumps(document).encode())
    if "checksum" in document:
        assert found in (None, original)
    elif found is not None:
        assert isinstance(found, bytes)
        assert loaded_or_refused(file, found) == found


@pytest.mark.parametrize(
    "name", ["linear", *(n for n, op in OPERATIONS.items() if op.default or len(op.partials) == 1)]
)
def test_every_activation_can_be_kept(name, file) -> None:
    """Each activation that nn takes comes back."""
    save(nn.Neuron(1, name, seed=0), file)
    assert load(file).activation == name
