"""Step through backward, programs and operations in the debuggers that people have."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from microgradnet.engine import Value

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")

PATIENCE = 60.0  # seconds that a debugger may take, on a machine with other work to do

SCRIPT = """\
from microgradnet.compiling import compile
from microgradnet.engine import Value

weight, bias = Value(2.0, label="weight"), Value(-0.5, label="bias")
program = compile(lambda x: (weight * x + bias).tanh().exp(), [weight, bias])
program(0.5)
[variant] = program._variants.values()
code = variant.functions["value_and_grad"].__code__
print("FILE", code.co_filename, flush=True)
"""

TRAIN = """\
from microgradnet import Value, watch

def train(rate):
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
    y = (x * w + b).tanh()
    secret = 42
    hits = {watch}  # here
    return [v.grad for v in (x, w, b)], len(hits)

print("RESULT", train(0.5), flush=True)
"""


def after_backward():
    """Return the gradients that TRAIN ends with, by backward()."""
    x, w, b = Value(2.0), Value(-3.0), Value(7.0)
    (x * w + b).tanh().backward()
    return [v.grad for v in (x, w, b)]


@contextmanager
def python(*arguments, cwd):
    """Run a fresh Python with pipes to it, and end it, and all that it started, in any case."""
    # What is killed cannot tidy up, so it writes to the test's own folder.
    environment = {**os.environ, "TMPDIR": str(cwd), "PYTHONUNBUFFERED": "1"}
    environment.pop("PYTHONBREAKPOINT", None)  # the user's own: here it is pdb
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, cwd=cwd, env=environment, start_new_session=True,
    )  # fmt: skip

    def kill():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    watchdog = threading.Timer(2 * PATIENCE, kill)  # ends every read below
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        kill()
        process.communicate()


def line_after(process, word):
    """Read a process's output up to a line that starts with a word; return what follows it."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        _, found, rest = line.partition(word + " ")
        if found:
            return rest.strip()
    raise AssertionError("".join(seen))


def lines_of(file):
    """Return the lines of a file."""
    with open(file, encoding="utf-8") as stream:
        return stream.read().splitlines()


def numbered(file):
    """Return the lines of a program's file, from 1, and the number of its first computation."""
    lines = ["", *lines_of(file)]
    return lines, next(i for i, line in enumerate(lines) if "tanh(" in line)


# ---- pdb -----------------------------------------------------------------------------------------


def test_pdb_breaks_in_a_program_and_steps_through_it(tmp_path):
    """A breakpoint by file and line holds; `next` goes line by line; variables have their names."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "breakpoint()\nprint('RESULT', program(0.25))\n")
    with python(str(script), cwd=tmp_path) as process:
        file = line_after(process, "FILE")
        lines, first = numbered(file)
        commands = [
            f"break {file}:{first}", "continue", "p (weight, bias, x)", "next", "p v", "where",
            "next", "list", "clear 1", "continue",
        ]  # fmt: skip
        output, _ = process.communicate("\n".join(commands) + "\n", timeout=PATIENCE)
    assert f"Breakpoint 1 at {file}:{first}" in output
    assert f"> {file}({first})value_and_grad()" in output
    assert f"-> {lines[first].strip()}" in output
    assert "(2.0, -0.5, 0.25)" in output
    assert f"> {file}({first + 1})value_and_grad()" in output
    assert f"-> {lines[first + 1].strip()}" in output
    assert "(Pdb) 0.0" in output  # v: tanh(2.0 * 0.25 - 0.5)
    assert "microgradnet/compiling.py" in output.replace(os.sep, "/")  # where it was called from
    assert "RESULT 1.0" in output


def test_pdb_steps_into_an_operation_and_shows_its_text(tmp_path):
    """`step` into v.tanh() shows the operation's generated text, and its variables."""
    script = tmp_path / "script.py"
    script.write_text(
        "from microgradnet.engine import Value\n"
        "v = Value(0.5, label='v')\n"
        "u = v.tanh()\n"
        "print('RESULT', u.data)\n"
    )
    commands = "break 3\ncontinue\nstep\nlist\nnext\nnext\nnext\np x\nreturn\ncontinue\nquit\n"
    with python("-m", "pdb", str(script), cwd=tmp_path) as process:
        output, _ = process.communicate(commands, timeout=PATIENCE)
    assert "<operation tanh>(1)tanh()" in output
    assert "-> def tanh(x):" in output
    assert "z.data = tanh(x.data)" in output  # the listing
    assert "<operation tanh>(3)tanh()" in output
    assert "Value(data=0.5, grad=0.0, label='v')" in output
    assert "RESULT 0.46211715726000974" in output


def test_pdb_steps_into_a_program_from_a_call(tmp_path):
    """`step` alone, from the user's line, comes to the first line of the program."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "breakpoint()\nprint('RESULT', program(0.25))\n")
    with python(str(script), cwd=tmp_path) as process:
        file = line_after(process, "FILE")
        output, _ = process.communicate("step\n" * 100 + "continue\n", timeout=PATIENCE)
    assert f"{file}(" in output
    assert "-> def value_and_grad(parameters, inputs):" in output


def test_pdb_after_an_error_in_a_program_shows_its_line(tmp_path):
    """A post-mortem stands on the line of the program that failed, with its numbers."""
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT + "import pdb\n"
        "again = compile(lambda x: (weight / x + bias).tanh(), [weight, bias])\n"
        "again(1.0)\n"
        "try:\n    again(0.0)\nexcept ZeroDivisionError:\n    pdb.post_mortem()\n"
    )
    with python(str(script), cwd=tmp_path) as process:
        output, _ = process.communicate("p (weight, x)\nquit\n", timeout=PATIENCE)
    assert "value_and_grad()" in output
    assert "-> loss = tanh(weight / x + bias)" in output
    assert "(2.0, 0.0)" in output


# ---- pdb, in backward ----------------------------------------------------------------------------


def line_of(text, mark):
    """Return the number of the one line of a text that a comment marks."""
    [number] = [i for i, line in enumerate(text.splitlines(), 1) if line.endswith(f"# {mark}")]
    return number


def pdb_session(tmp_path, text, commands):
    """Return the path of a script, and all that it and pdb write when the commands are typed."""
    script = tmp_path / "script.py"
    script.write_text(text)
    with python(str(script), cwd=tmp_path) as process:
        output, _ = process.communicate("\n".join(commands) + "\n", timeout=PATIENCE)
    return str(script), output


def test_pdb_in_a_loop_over_the_steps(tmp_path):
    """breakpoint() in the loop: the step, its numbers, and the gradients so far, at each turn."""
    text = (
        "from microgradnet import Value\n"
        'x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")\n'
        "loss = (x * w + b).tanh()\n"
        "for step in loss.backward_steps():\n"
        "    breakpoint()\n"
        'print("RESULT", [v.grad for v in (x, w, b)])\n'
    )
    commands = ["p step", "p step.local", "p (step.number, x.grad, w.grad, b.grad)", "continue"]
    script, output = pdb_session(tmp_path, text, commands * 5)
    x, w, b = after_backward()
    assert output.count(f"> {script}(") == 5
    assert "Step(5: x*w -> w, 2 * 0.42 = 0.8399, grad 0.8399)" in output
    assert f"(Pdb) {b!r}\n" in output  # step.local of tanh
    told = [
        (1, 0.0, 0.0, 0.0), (2, 0.0, 0.0, 0.0), (3, 0.0, 0.0, b), (4, x, 0.0, b), (5, x, w, b),
    ]  # fmt: skip
    places = [output.index(f"(Pdb) {each!r}\n") for each in told]
    assert places == sorted(places)
    assert f"RESULT {[x, w, b]!r}" in output


WATCHED = {
    "a function": ("watch(y, when=lambda step: step.number > 3)", [4, 5]),
    "a comparison": ('watch(y, when="abs(after) > 1")', [4]),
    "a Value": ("watch(y, when=w)", [5]),
    "a name": ('watch(y, when="b")', [3]),
    "pdb.set_trace": ("watch(y, when=w, do=__import__('pdb').set_trace)", [5]),
}


@pytest.mark.parametrize("name", WATCHED)
def test_pdb_stops_in_the_frame_that_watches(name, tmp_path):
    """The prompt stands at the user's line, with his names and the step; `c` goes to the next."""
    call, numbers = WATCHED[name]
    text = TRAIN.replace("{watch}", call)
    commands = [
        "p ('step', step.number, step is not None)", "p ('mine', secret, rate, w.data, step.local)",
        "p ('names', *(name for name in sorted(locals()) if name[0] != '_'))", "where", "continue",
    ] * len(numbers)  # fmt: skip
    script, output = pdb_session(tmp_path, text, commands)
    there = f"> {script}({line_of(text, 'here')})train()\n-> hits = {call}  # here\n"
    assert output.count(there) == 2 * len(numbers)  # at the stop, and where it says where
    assert "--Return--" not in output
    places = [output.index(f"(Pdb) ('step', {number}, True)\n") for number in numbers]
    assert places == sorted(places)
    assert output.count("(Pdb) ('mine', 42, 0.5, -3.0, ") == len(numbers)
    assert output.count("(Pdb) ('names', 'b', 'rate', 'secret', 'step', 'w', 'x', 'y')") == len(
        numbers
    )
    assert f"RESULT {(after_backward(), len(numbers))!r}" in output


def test_pdb_stops_at_nan(tmp_path):
    """Without a condition watch() stops at nan: at 0 * inf, in a script's own lines."""
    text = (
        "import microgradnet\n"
        "x, zero = microgradnet.Value(1.0, label='x'), microgradnet.Value(0.0, label='zero')\n"
        "y = (x * zero).tanh() * 1e200 * 1e200\n"
        "microgradnet.watch(y)  # here\n"
        "print('RESULT', x.grad, zero.grad)\n"
    )
    script, output = pdb_session(tmp_path, text, ["p step", "continue"])
    assert output.count(f"> {script}({line_of(text, 'here')})<module>()") == 1
    assert "-> x, 0 * inf = nan, grad nan)" in output
    assert "RESULT nan inf" in output


def test_pdb_in_the_first_line_of_a_script(tmp_path):
    """A call on line 1, and one over several lines, stop at the line where they begin."""
    text = (
        "import microgradnet as m; v = m.Value(2.0); m.watch(v.tanh(), when=v); print('ONE')\n"
        "m.watch(\n"
        "    v.exp(),\n"
        "    when=v,\n"
        ")\n"
        "print('RESULT', v.grad)\n"
    )
    script, output = pdb_session(tmp_path, text, ["p step.operation", "continue"] * 2)
    assert f"> {script}(1)<module>()\n-> import microgradnet as m; " in output
    assert f"> {script}(2)<module>()\n-> m.watch(\n" in output
    assert output.index("(Pdb) 'tanh'") < output.index("(Pdb) ONE") < output.index("(Pdb) 'exp'")
    v = Value(2.0)
    v.tanh().backward()
    v.exp().backward()
    assert f"RESULT {v.grad!r}" in output


def test_pdb_quits_a_watch_and_leaves_every_gradient_as_it_was(tmp_path):
    """`quit` at the prompt ends watch() by an exception; half a backward is not left behind."""
    text = TRAIN.replace("{watch}", "watch(y, when=w)").replace(
        'print("RESULT", train(0.5), flush=True)\n',
        "import bdb, sys\n"
        "try:\n"
        "    train(0.5)\n"
        "except bdb.BdbQuit as error:\n"
        "    sys.settrace(None)\n"
        "    frame = error.__traceback__.tb_next.tb_frame\n"
        "    print('RESULT', frame.f_code.co_name, [frame.f_locals[v].grad for v in 'xwb'])\n",
    )
    _, output = pdb_session(tmp_path, text, ["p ('so far', x.grad, b.grad)", "quit"])
    x, _, b = after_backward()
    assert f"('so far', {x!r}, {b!r})" in output
    assert "RESULT train [0.0, 0.0, 0.0]" in output


def test_watch_does_what_it_is_told(tmp_path):
    """do=print writes the steps, and a function of a step is called with it: no prompt."""
    call = "watch(y, when=w, do=print) + watch(y, when=b, do=lambda step: print('GOT', step.why))"
    _, output = pdb_session(tmp_path, TRAIN.replace("{watch}", call), [])
    assert "   5  w.grad       += 2 * 0.42 = 0.8399    -> 0.8399   d(x*w)/d(w) = x" in output
    assert "GOT x*w+b is complete: y, which uses it, has contributed" in output
    assert "(Pdb)" not in output
    assert f"RESULT {([2.0 * grad for grad in after_backward()], 2)!r}" in output


# ---- debugpy, over the debug adapter protocol ----------------------------------------------------


class Client:
    """What VS Code is to debugpy: requests out, responses and events in."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.settimeout(PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.sent = 0
        self.events = []
        self.responses = {}

    def send(self, command, **arguments):
        """Send a request and return its number."""
        self.sent += 1
        message = {"seq": self.sent, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(message).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        return self.sent

    def receive(self):
        """Read one message and keep it."""
        length = 0
        while line := self.stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the debug adapter has closed the connection"
        message = json.loads(self.stream.read(length))
        if message["type"] == "response":
            assert message["success"], message
            self.responses[message["request_seq"]] = message
        elif message["type"] == "event":
            self.events.append(message)

    def response(self, number):
        """Return the body of the response to a request."""
        while number not in self.responses:
            self.receive()
        return self.responses.pop(number).get("body")

    def ask(self, command, **arguments):
        """Send a request and return the body of its response."""
        return self.response(self.send(command, **arguments))

    def wait_for(self, event):
        """Return the body of the next event of a name."""
        while True:
            for index, message in enumerate(self.events):
                if message["event"] == event:
                    del self.events[index]
                    return message.get("body")
            self.receive()

    def set_breakpoint(self, file, line):
        """Set one breakpoint and return what the debugger makes of it."""
        body = self.ask("setBreakpoints", source={"path": file}, breakpoints=[{"line": line}])
        return body["breakpoints"][0]

    def stopped(self):
        """Wait for a stop; return its thread and the top frame of its stack."""
        body = self.wait_for("stopped")
        frames = self.ask("stackTrace", threadId=body["threadId"])["stackFrames"]
        return body["threadId"], frames

    def variables(self, frame):
        """Return the local variables of a frame: name -> text."""
        scopes = self.ask("scopes", frameId=frame["id"])["scopes"]
        return {name: text for name, (text, _) in self.inside(scopes[0]).items()}

    def inside(self, variable):
        """Return what a variable or a scope opens to: name -> (text, what it opens to in turn)."""
        found = self.ask("variables", variablesReference=variable["variablesReference"])
        return {each["name"]: (each["value"], each) for each in found["variables"]}

    def close(self):
        """Close the connection."""
        self.stream.close()
        self.socket.close()


@contextmanager
def debugged(tmp_path, text):
    """Run a script that waits for a debugger; attach one with its defaults ("just my code")."""
    pytest.importorskip("debugpy")
    script = tmp_path / "script.py"
    script.write_text(
        "import debugpy\n_, port = debugpy.listen(('127.0.0.1', 0))\nprint('PORT', port, "
        "flush=True)\ndebugpy.wait_for_client()\n" + text
    )
    with python("-X", "frozen_modules=off", str(script), cwd=tmp_path) as process:
        client = Client(int(line_after(process, "PORT")))
        try:
            client.ask("initialize", clientID="test", adapterID="python", pathFormat="path")
            attached = client.send("attach", name="test", type="debugpy", request="attach")
            client.wait_for("initialized")
            yield client, process, str(script), attached
        finally:
            client.close()


def test_debugpy_breaks_in_a_program_and_steps_through_it(tmp_path):
    """A breakpoint in the program's file is verified and hit, with names, frames and stepping."""
    text = SCRIPT + "program(0.125)  # stop here\nprint('RESULT', program(0.25), flush=True)\n"
    with debugged(tmp_path, text) as (client, process, script, attached):
        stop = 1 + next(i for i, line in enumerate(lines_of(script)) if "stop here" in line)
        assert client.set_breakpoint(script, stop)["verified"]
        client.ask("configurationDone")
        client.response(attached)
        thread, _ = client.stopped()
        file = line_after(process, "FILE")
        lines, first = numbered(file)
        there = client.set_breakpoint(file, first)
        assert there["verified"]
        assert there["line"] == first

        client.ask("continue", threadId=thread)
        thread, frames = client.stopped()
        assert frames[0]["name"] == "value_and_grad"
        assert os.path.samefile(frames[0]["source"]["path"], file)
        assert frames[0]["line"] == first
        assert any(frame["source"]["path"] == script for frame in frames)
        variables = client.variables(frames[0])
        assert {name: variables[name] for name in ("weight", "bias", "x")} == {
            "weight": "2.0", "bias": "-0.5", "x": "0.125",
        }  # fmt: skip
        assert "v" not in variables

        client.ask("next", threadId=thread)
        thread, frames = client.stopped()
        assert os.path.samefile(frames[0]["source"]["path"], file)
        assert frames[0]["line"] == first + 1
        assert "v" in client.variables(frames[0])

        client.set_breakpoint(file, first + 1)
        client.ask("continue", threadId=thread)
        thread, frames = client.stopped()  # the next call, at the other line
        assert frames[0]["line"] == first + 1
        assert client.variables(frames[0])["x"] == "0.25"
        assert client.ask("evaluate", expression="weight * x", frameId=frames[0]["id"])[
            "result"
        ] == "0.5"  # fmt: skip
        client.ask("setBreakpoints", source={"path": file}, breakpoints=[])
        client.ask("continue", threadId=thread)
        assert line_after(process, "RESULT") == "1.0"
        assert lines[first].strip().startswith("v = ")


def test_debugpy_steps_into_a_program_from_the_users_line(tmp_path):
    """Step into, at the user's call, passes over the package's code and stops in the program."""
    text = SCRIPT + "program(0.125)  # stop here\n"
    with debugged(tmp_path, text) as (client, process, script, attached):
        stop = 1 + next(i for i, line in enumerate(lines_of(script)) if "stop here" in line)
        client.set_breakpoint(script, stop)
        client.ask("configurationDone")
        client.response(attached)
        thread, _ = client.stopped()
        file = line_after(process, "FILE")
        names = []
        for _ in range(60):  # here the package is no library: its lines are stepped through
            client.ask("stepIn", threadId=thread)
            thread, frames = client.stopped()
            names.append(frames[0]["source"]["path"])
            if names[-1] == file:
                break
        assert names[-1] == file
        assert frames[0]["name"] == "value_and_grad"
        assert re.search(r"= parameters|= inputs|^\s*\($", numbered(file)[0][frames[0]["line"]])
        client.ask("continue", threadId=thread)


# ---- debugpy, in backward ------------------------------------------------------------------------


def test_debugpy_stops_in_the_frame_that_watches(tmp_path):
    """watch() stops at the user's line, among his variables and the step; continue goes on."""
    text = TRAIN.replace("{watch}", "watch(y, when=lambda step: step.number > 3)")
    with debugged(tmp_path, text) as (client, process, script, attached):
        client.ask("configurationDone")
        client.response(attached)
        x, w, b = after_backward()
        here = 1 + next(i for i, line in enumerate(lines_of(script)) if line.endswith("# here"))
        for number, so_far in ((4, f"({x!r}, 0.0, {b!r})"), (5, f"({x!r}, {w!r}, {b!r})")):
            thread, frames = client.stopped()
            top = frames[0]
            assert os.path.samefile(top["source"]["path"], script)
            assert (top["name"], top["line"]) == ("train", here)
            variables = client.variables(top)
            assert variables["step"].startswith(f"Step({number}: x*w -> ")
            assert (variables["secret"], variables["rate"]) == ("42", "0.5")
            found = client.ask(
                "evaluate", expression="(x.grad, w.grad, b.grad)", frameId=top["id"]
            )  # fmt: skip
            assert found["result"] == so_far
            client.ask("continue", threadId=thread)
        assert line_after(process, "RESULT") == repr(([x, w, b], 2))


def test_debugpy_shows_values_and_steps(tmp_path):
    """In the variables view a Value is one short text, however much is below it, and opens."""
    text = (
        "from microgradnet import Value\n"
        'x = z = Value(2.0, label="x")\n'
        "for _ in range(5_000):\n    z = z * 1.0\n"
        "y = z.tanh()\n"
        'y.label = "y"\n'
        "step = next(iter(y.backward_steps()))\n"
        "y.backward()\n"
        "pass  # stop here\n"
    )
    with debugged(tmp_path, text) as (client, _, script, attached):
        stop = 1 + next(i for i, line in enumerate(lines_of(script)) if "stop here" in line)
        client.set_breakpoint(script, stop)
        client.ask("configurationDone")
        client.response(attached)
        thread, frames = client.stopped()
        scopes = client.ask("scopes", frameId=frames[0]["id"])["scopes"]
        variables = client.inside(scopes[0])
        text, y = variables["y"]
        assert text == f"Value(data={math.tanh(2.0)!r}, grad=1.0, label='y', op='tanh')"
        assert all(len(text) < 200 for text, _ in variables.values())
        fields = client.inside(y)
        assert {name: fields[name][0] for name in ("data", "grad", "label", "op", "line")} == {
            "data": repr(math.tanh(2.0)), "grad": "1.0", "label": "'y'", "op": "'tanh'",
            "line": "None",
        }  # fmt: skip
        assert fields["rule"][0] == "<operation tanh: tanh(x)>"
        assert fields["args"][0].startswith("(Value(data=2.0, grad=")
        assert all(len(text) < 200 for text, _ in fields.values())
        text, operand = client.inside(fields["args"][1])["0"]
        assert text.endswith("op='*')")
        assert client.inside(operand)["op"][0] == "'*'"
        fields = client.inside(variables["step"][1])
        assert fields["number"][0] == "1"
        assert fields["local"][0] == fields["contribution"][0] == repr(1.0 - math.tanh(2.0) ** 2)
        assert fields["formula"][0].endswith(" = 1 - y ** 2'")
        client.ask("continue", threadId=thread)


def test_debugpy_goes_from_one_contribution_to_the_next(tmp_path):
    """In the user's loop `continue` comes to the next step, and `next` stays in his lines."""
    text = (
        "from microgradnet import Value\n"
        'x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")\n'
        "loss = (x * w + b).tanh()\n"
        "for step in loss.backward_steps():\n"
        "    number = step.number  # stop here\n"
        "print('RESULT', [v.grad for v in (x, w, b)], flush=True)\n"
    )
    with debugged(tmp_path, text) as (client, process, script, attached):
        stop = 1 + next(i for i, line in enumerate(lines_of(script)) if "stop here" in line)
        client.set_breakpoint(script, stop)
        client.ask("configurationDone")
        client.response(attached)
        x, w, b = after_backward()

        def here(line, number, grads):
            thread, frames = client.stopped()
            assert os.path.samefile(frames[0]["source"]["path"], script)
            assert frames[0]["line"] == line
            expression = "(step.number, x.grad, w.grad, b.grad)"
            found = client.ask("evaluate", expression=expression, frameId=frames[0]["id"])
            assert found["result"] == repr((number, *grads))
            return thread

        for number in (1, 2):
            client.ask("continue", threadId=here(stop, number, (0.0, 0.0, 0.0)))
        thread = here(stop, 3, (0.0, 0.0, b))
        client.ask("setBreakpoints", source={"path": script}, breakpoints=[])
        for number, grads in ((4, (x, 0.0, b)), (5, (x, w, b))):
            client.ask("next", threadId=thread)
            before = (0.0, 0.0, b) if number == 4 else (x, 0.0, b)
            client.ask("next", threadId=here(stop - 1, number - 1, before))
            thread = here(stop, number, grads)
        client.ask("continue", threadId=thread)
        assert line_after(process, "RESULT") == repr([x, w, b])
