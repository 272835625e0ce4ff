"""Step through programs and operations in the debuggers that people have: pdb and debugpy."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")

PATIENCE = 30.0  # seconds that a debugger may take, on a machine with other work to do

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


@contextmanager
def python(*arguments, cwd):
    """Run a fresh Python with pipes to it, and end it, and all that it started, in any case."""
    # What is killed cannot tidy up, so it writes to the test's own folder.
    environment = {**os.environ, "TMPDIR": str(cwd), "PYTHONUNBUFFERED": "1"}
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
        found = self.ask("variables", variablesReference=scopes[0]["variablesReference"])
        return {each["name"]: each["value"] for each in found["variables"]}

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
