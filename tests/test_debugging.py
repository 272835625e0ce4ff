"""The prompt on backpropagation: typed commands and what they print, in memory, pipes and a pty."""

import io
import os
import random
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from microgradnet import nn
from microgradnet.debugging import Debugger, debug
from microgradnet.drawing import draw
from microgradnet.engine import Value
from microgradnet.expressions import expression
from microgradnet.lines import record_lines
from microgradnet.naming import digits
from microgradnet.operations import OPERATIONS
from microgradnet.prompting import Prompt
from microgradnet.recording import Recording
from microgradnet.stepping import backward_steps

TEXT = "x1w1 = x1*w1; x2w2 = x2*w2; s = x1w1 + x2w2; n = s + b; o = tanh(n)"
NUMBERS = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
WORDS = [TEXT, *(f"{name}={number!r}" for name, number in NUMBERS.items())]
COMMAND = [sys.executable, "-m", "microgradnet", "step", *WORDS]
HEADER = """\
o = 0.7071: 10 values, 9 steps of backward(); no grad is changed
  x1 = 2, w1 = -3, x2 = 0, w2 = 1, b = 6.881
  x1w1 = x1 * w1 = -6
  x2w2 = x2 * w2 = 0
  s    = x1w1 + x2w2 = -6
  n    = s + b = 0.8814
  o    = tanh(n) = 0.7071
h is help, Enter is one step on
"""
WALK = """\
   1  n.grad    += 0.5 * 1 = 0.5        -> 0.5      d(o)/d(n) = 1 - o ** 2
      o is where backward() starts: its gradient by itself is 1
   2  s.grad    += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(s) = 1
      n is complete: o, which uses it, has contributed
   3  b.grad    += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(b) = 1
   4  x1w1.grad += 1 * 0.5 = 0.5        -> 0.5      d(s)/d(x1w1) = 1
      s is complete: n, which uses it, has contributed
   5  x2w2.grad += 1 * 0.5 = 0.5        -> 0.5      d(s)/d(x2w2) = 1
   6  x2.grad   += 1 * 0.5 = 0.5        -> 0.5      d(x2w2)/d(x2) = w2
      x2w2 is complete: s, which uses it, has contributed
   7  w2.grad   += 0 * 0.5 = 0          -> 0        d(x2w2)/d(w2) = x2
   8  x1.grad   += -3 * 0.5 = -1.5      -> -1.5     d(x1w1)/d(x1) = w1
      x1w1 is complete: s, which uses it, has contributed
   9  w1.grad   += 2 * 0.5 = 1          -> 1        d(x1w1)/d(w1) = x1
      the end: every gradient is complete; v shows them, b goes back
"""


STEPS = {int(line[:4]): line for line in WALK.splitlines() if line[:4].strip()}
START = "   0  o.grad = 1: backward() starts here"
*_, END = WALK.splitlines()


def neuron():
    """Return Karpathy's neuron: n.grad is 0.5, x2's 0.5, w1's 1, x1's -1.5."""
    return expression(TEXT, NUMBERS)[0]


def mlp_loss():
    """Return a loss of MLP(2, [4, 1]), with a parameter that is used twice."""
    model = nn.MLP(2, [4, 1], activation="tanh", seed=1)
    loss = (model([1.0, -2.0]) - 1.0) ** 2 + 0.1 * model.layers[0].neurons[0].w[0] ** 2
    loss.label = "loss"
    return loss, model


def typed(*commands, root=None, names=None):
    """Return the lines that commands print, without those at the start."""
    root = neuron() if root is None else root
    output = io.StringIO()
    debugger = Debugger(Recording(root, names), io.StringIO("\n".join([*commands, ""])), output)
    debugger.run()
    return output.getvalue().splitlines()


def places(lines):
    """Return those of the lines that say which step was done."""
    return [line for line in lines if line[:4].strip().isdecimal()]


class Terminal(io.StringIO):
    """Output that says it is a terminal."""

    def isatty(self):
        """Return that it is."""
        return True


# ---- moving --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "commands",
    [["step"] * 9, ["s"] + [""] * 8, ["s 9"], ["s 4", "s 99"], ["n"] * 5, ["", *"nnnnn"]],
)
def test_the_whole_walk_is_told(commands):
    """Each step's line once, and once per node why it comes now, whatever the size of the moves."""
    assert typed(*commands)[: len(WALK.splitlines())] == WALK.splitlines()


def test_debug_starts_with_what_is_stepped_through(capsys):
    """debug() says root, sizes and the forward pass, then takes commands until the input ends."""
    assert debug(neuron(), stdin=io.StringIO("s 9\n")) is None
    assert capsys.readouterr().out == HEADER + WALK


def test_next_goes_to_the_end_of_a_node():
    """From within a node too, it does the rest of what the node contributes."""
    assert places(typed("n", "n")) == [STEPS[1], STEPS[2], STEPS[3]]
    assert places(typed("g 4", "n", "n"))[1:] == [STEPS[5], STEPS[6], STEPS[7]]


def test_back_is_the_same_walk_backwards():
    """From the end back to the start, each line is that of the place; then it stays."""
    lines = typed("g 9", *"b" * 10)
    assert places(lines) == [*list(STEPS.values())[::-1], START]
    assert lines[-1] == typed("b")[0] == "      the start: no step is before it"
    assert places(typed("s 3", "b 99"))[3:] == [START]


def test_an_empty_line_repeats_the_last_move():
    """Moves are repeated, with their arguments; what only shows is not, and the first is a step."""
    assert places(typed("", "p n", "")) == [STEPS[1], STEPS[2]]
    assert places(typed("s 2", "")) == [STEPS[1], STEPS[2], STEPS[3], STEPS[4]]
    assert places(typed("g 9", "b 2", "l x", "")) == [STEPS[9], STEPS[7], STEPS[5]]
    assert places(typed("s", "p n", "p o", "")) == [STEPS[1], STEPS[2]]
    assert places(typed("n", "u nobody", "", "")) == [STEPS[1], STEPS[2], STEPS[3], *[
        STEPS[i] for i in (4, 5)
    ]]  # fmt: skip
    assert typed("u s", "")[-1] == "no step from here on meets 's', but step 2 did"


def test_an_empty_line_after_goto_goes_on():
    """Enter is one step on from there, whatever was repeated before; a goto that fails is none."""
    for before in (["g 9", "b"], ["n"], ["s 3"], ["u w1"]):
        assert places(typed(*before, "g 3", "", ""))[-3:] == [STEPS[3], STEPS[4], STEPS[5]]
    assert places(typed("g 9", "b", "g 10", ""))[-2:] == [STEPS[8], STEPS[7]]


@pytest.mark.parametrize("move", ["s", "n", "c", "s 5", ""])
def test_the_end_is_the_end(move):
    """Every forward move at the end says so and stays there."""
    assert typed("g 9", move)[-2:] == [END, END]
    assert places(typed("g 9", move, "b")) == [STEPS[9], STEPS[8]]


def test_goto_goes_both_ways():
    """Any place can be reached from any other, and shows the same."""
    rng = random.Random(3)
    numbers = [rng.randrange(10) for _ in range(50)]
    assert places(typed(*(f"g {at}" for at in numbers))) == [STEPS.get(at, START) for at in numbers]


def test_until_goes_to_a_name_or_a_condition():
    """It stands where a gradient has just reached the Value, and at each use of one in turn."""
    assert places(typed("u w1")) == [STEPS[9]]
    assert places(typed("until after < 0")) == [STEPS[8]]
    assert typed("u x1", "u n")[-1] == "no step from here on meets 'n', but step 1 did"
    assert typed("u nan") == ["no step from here on meets 'nan'"]
    x = Value(3.0, label="x")
    root = x * x + x
    assert places(typed("u x", "", "", "", root=root)) == [
        str(step) for step in backward_steps(root, keep=False) if step.operand is x
    ]


def test_breaks_stop_every_move_forward():
    """continue, next, step N and until stop at a break and name it; back and goto do not."""
    set_up, hit = "break abs(after) > 0.9", "      break 1: abs(after) > 0.9"
    for moves in (["c"], ["s 9"], ["u w1"], ["n"] * 5):
        lines = typed(set_up, *moves)
        assert lines[0] == "break 1: abs(after) > 0.9"
        assert lines[-1] == hit
        assert places(lines)[-1] == STEPS[8]
    assert hit not in typed(set_up, "g 9", "b 1", "b 4")
    assert places(typed("B s", "B x2", "c", "c", "c")) == [STEPS[2], STEPS[6], STEPS[9]]
    assert places(typed("B nan", "B w2", "D 2", "c")) == [STEPS[9]]


def test_breaks_are_listed_and_removed():
    """Each has a number, which is not used again while a later one is there."""
    assert typed("B") == ["no breaks; break NAME makes one"]
    assert typed("B s", "B  after > 1", "B", "B -1", "B n", "D 9", "D x", "D 2", "B")[2:] == [
        "break 1: s", "break 2: after > 1", "no more break 1: s", "break 3: n",
        "the number of a break is needed, not '9'; there is 2, 3",
        "the number of a break is needed, not 'x'; there is 2, 3",
        "no more break 2: after > 1", "break 3: n",
    ]  # fmt: skip


def test_what_is_watched_is_shown_after_each_move():
    """Value and gradient, not computed before its first contribution, after every move."""
    before, after = "      watch 1: w1 = -3, grad ·", "      watch 1: w1 = -3, grad 1"
    lines = typed("w w1", "n", "n", "c", "b", "g 0")
    assert lines[0] == before.strip()
    assert [line for line in lines[1:] if "watch" in line] == [
        before,
        before,
        after,
        before,
        before,
    ]
    assert lines[lines.index(STEPS[9]) :][2:4] == [after, END]
    assert typed("w", "w w1", "w b", "w -1", "w") == [
        "nothing is watched; watch NAME does it", "watch 1: w1 = -3, grad ·",
        "watch 2: b = 6.881, grad ·", "no more watch 1: w1", "watch 2: b = 6.881, grad ·",
    ]  # fmt: skip


# ---- showing -------------------------------------------------------------------------------------


def test_print_shows_value_gradient_and_operation():
    """The number in full, how it was computed, what has come and what is still to come."""
    written = "n = s + b = -6 + 6.881 = 0.8813735870195432"
    assert typed("p n") == [written, "n.grad = ·, not computed yet: to come from step 1"]
    assert typed("s", "p n")[2:] == [
        written, f"n.grad = {1 - neuron().data ** 2!r}, complete: from step 1",
    ]  # fmt: skip
    assert typed("o", "x1") == [
        f"o = tanh(n) = tanh(0.8814) = {neuron().data!r}", "o.grad = 1.0: backward() starts here",
        "x1 = 2.0, a leaf", "x1.grad = ·, not computed yet: to come from step 8",
    ]  # fmt: skip


def test_print_shows_what_is_still_to_come():
    """A Value that is used several times has part of its gradient first."""
    x = Value(3.0, label="x")
    root = x * x + x
    states = [typed(f"g {at}", "p x", root=root)[-1] for at in range(5)]
    assert states == [
        "x.grad = ·, not computed yet: to come from steps 2, 3, 4",
        "x.grad = ·, not computed yet: to come from steps 2, 3, 4",
        "x.grad = 1.0 so far, from step 2; more to come from steps 3, 4",
        "x.grad = 4.0 so far, from steps 2, 3; more to come from step 4",
        "x.grad = 7.0, complete: from steps 2, 3, 4",
    ]


def test_print_shows_the_step():
    """A field of the last step by its name, or all of them."""
    names = "number node operand local upstream contribution before after"
    values = "8 x1w1 x1 -3.0 0.4999999999999998 -1.4999999999999993 0.0 -1.4999999999999993"
    fields = [" = ".join(pair) for pair in zip(names.split(), values.split(), strict=True)]
    assert typed("g 8", "p")[2:] == fields
    assert typed("g 8", "p local", "p node")[2:] == [fields[3], fields[1]]
    assert typed("g 8", "p step.local")[2:] == [fields[3]]
    assert typed("p local") == typed("p") == ["no step is done yet; s goes to the first"]


def test_a_value_that_gets_nothing_is_zero_at_the_end():
    """Its gradient is not computed while steps are left; at the end it is 0, as backward() says."""
    x, n = Value(2.0, label="x"), Value(3.0, label="n")
    root = x * 1.0 + OPERATIONS["constant_power"](x, n)
    number = len(Recording(root).steps)
    assert typed("p n", root=root)[-1] == "n.grad = ·, not computed: no step comes here"
    assert typed(f"g {number}", "p n", root=root)[-1] == (
        "n.grad = 0.0: no step comes here, as no gradient flows to it"
    )


def test_values_is_a_table():
    """Every value with its gradient so far, or those with a part of a name in it."""
    assert typed("g 3", "v")[2:] == [
        "  name  value   grad  computed as",
        "  x1    2       ·",
        "  w1    -3      ·",
        "  x2    0       ·",
        "  w2    1       ·",
        "  b     6.881   0.5",
        "  x1w1  -6      ·     x1 * w1",
        "  x2w2  0       ·     x2 * w2",
        "  s     -6      0.5   x1w1 + x2w2",
        "  n     0.8814  0.5   s + b",
        "  o     0.7071  1     tanh(n)",
    ]
    assert [line.split()[0] for line in typed("v x2")] == ["name", "x2", "x2w2"]
    assert typed("v zzz") == ["values takes a part of a name, not 'zzz'; try values alone"]


def test_many_values_come_in_pages():
    """40 to a page, results before leaves, of all or of those with a part of a name; none twice."""
    loss = (nn.MLP(2, [8, 4, 1], seed=1)([1.0, -2.0]) - 1.0) ** 2
    recording = Recording(loss)
    names = [recording.name(v) for v in recording.values]
    results = [recording.name(v) for v in recording.values if v.rule]
    pages = -(-len(names) // 40)
    assert len(results) > 40
    tables = [typed(f"v {page}", root=loss) for page in range(1, pages + 1)]
    assert typed("v", root=loss) == tables[0]
    shown = [line.split()[0] for table in tables for line in table[1:-1]]
    assert shown[: len(results)] == results
    assert sorted(shown) == sorted(names)
    assert {len(table) for table in tables[:-1]} == {1 + 40 + 1}
    head = f"  page {{}} of {pages}, of {len(names)} values; v {{}}: the {{}}"
    assert tables[0][-1] == head.format(1, 2, "next")
    assert tables[-1][-1] == head.format(pages, 1, "first")
    weights = [name for name in names if ".w." in name]
    assert [len(weights) > 40, len(weights) > 80] == [True, False]
    first, second = typed("v .w.", root=loss), typed("v .w. 2", root=loss)
    assert first[-1] == f"  page 1 of 2, of {len(weights)} values; v .w. 2: the next"
    assert sorted(line.split()[0] for line in first[1:-1] + second[1:-1]) == sorted(weights)
    assert typed("v .w. 3", root=loss) == ["values has pages from 1 to 2, not 3; try values .w. 2"]
    assert typed("v 0", root=loss) == [
        f"values has pages from 1 to {pages}, not 0; try values {pages}"
    ]
    assert typed("v zzz 2", root=loss) == [
        "values takes a part of a name, not 'zzz'; try values alone"
    ]


def test_a_name_with_a_number_in_it_is_no_page():
    """Where "loss 2" is a part of a name, it is asked for, not a second page of "loss"."""
    x = Value(2.0, label="loss 2")
    assert typed("v loss 2", root=x * 3.0) == typed("v loss", root=x * 3.0)
    assert len(typed("v loss 2", root=x * 3.0)) == 1 + 2
    assert typed("v 2", root=x * 3.0) == ["values has pages from 1 to 1, not 2; try values 1"]


def test_a_summary_of_many_operations_says_how_to_see_them():
    """What v shows first are the operations, on one page or on several."""
    for count, pages in ((17, ""), (40, ""), (41, ", 40 to a page")):
        root = Value(1.0, label="x")
        for _ in range(count):
            root = -root
        summary = Recording(root).summary()
        assert summary[1] == f"  {count} operations; v shows them with their numbers{pages}"
        table = typed("v", root=root)
        assert sum("-" in line for line in table[1:]) >= min(count, 40)


def test_list_marks_the_place():
    """The steps around the place, or around another; the arrow is at the last one done."""
    around = [START, *STEPS.values()]
    lines = typed("g 3", "l")[2:]
    assert [line[2:] for line in lines] == [line[2:] for line in around[:9]]
    assert [line[:2] for line in lines] == ["  "] * 3 + ["->"] + ["  "] * 5
    assert typed("l")[0] == "->" + START[2:]
    assert typed("l 9") == around[4:]
    x = Value(1.0, label="x")
    root = sum([x] * 600, 0 * x)
    steps = list(map(str, backward_steps(root, keep=False)))
    assert typed("g 1001", "l", root=root)[-11:] == [
        ("->" if at == 1001 else "  ") + steps[at - 1] for at in range(996, 1007)
    ]


def test_explain_is_the_chain_rule():
    """The gradient with its factors along each path."""
    assert typed("e x1") == [
        "d(o)/d(x1) = -1.4999999999999993", "  o <- n <- s <- x1w1 <- x1: 0.5 * 1 * 1 * -3 = -1.5",
    ]  # fmt: skip


def test_where_shows_the_code():
    """The line that made the node of the step, the root or a Value, among its neighbours."""
    with record_lines():
        x = Value(2.0, label="x")

        y = x * 3.0  # its line
        z = y.tanh()
    here = test_where_shows_the_code.__code__.co_firstlineno + 5
    y.label, z.label = "y", "z"
    lines = typed("W y", root=z)
    assert lines[0] == f"y was made in {__file__}, line {here}, in test_where_shows_the_code"
    assert lines[3] == f"->{here:>4}          y = x * 3.0  # its line"
    assert [line[:6] for line in lines[1:]] == [
        f"{'->' if i == here else '  '}{i:>4}"
        for i in range(here - 3, here + 4)
        if i != here - 1  # an empty line is left out
    ]
    assert typed("W", root=z)[0].startswith(f"z was made in {__file__}, line {here + 1}, ")
    assert typed("g 2", "W", root=z)[2] == lines[0]


def test_where_says_how_to_get_the_code():
    """Without record_lines() there is the operation, and what to do."""
    assert typed("W") == [
        "o = tanh(n) = 0.7071",
        "the line of code is not known: build it in a block of `with record_lines():`",
    ]


def test_help_lists_every_command():
    """Each command has one letter and one line; help of one is its text; a screen holds all."""
    lines = typed("help")
    commands = {name[3:] for name in dir(Debugger) if name.startswith("do_")}
    listed = dict(re.match(r"  (\w)  (\w+) ", line).groups() for line in lines[:-1])
    assert set(listed.values()) == commands
    assert listed == dict(Debugger.LETTERS)
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 80
    assert lines == typed("h") == typed("?")
    assert typed("h B") == typed("help break") == typed("?B") == typed("? break")
    assert max(len(line) for name in commands for line in typed(f"h {name}")) <= 80
    assert typed("h foo") == ["help takes a command, not 'foo'; try help alone"]


# ---- what is wrong -------------------------------------------------------------------------------

WRONG = {
    "foo": "a command or a name is needed, not 'foo'; h helps",
    "step x": "step takes a whole number from 1 up, not 'x'; try step 2",
    "s 0": "step takes a whole number from 1 up, not '0'; try step 2",
    "b -1": "back takes a whole number from 1 up, not '-1'; try back 2",
    "n 2": "next stands alone, not with '2'; h lists the commands",
    "c x1": "continue stands alone, not with 'x1'; h lists the commands",
    "g": "goto takes a step from 0 to 9, not ''; try goto 9",
    "g 10": "goto takes a step from 0 to 9, not '10'; try goto 9",
    "p foo": "a name of this graph is needed, not 'foo'; try o; or a field of the step: number, no",
    "v 2": "values has pages from 1 to 1, not 2; try values 1",
    "B after = 1": "a condition is nan, inf, a name or a comparison, not 'after = 1'; try after ==",
    "G a.xyz": "Graphviz draws no format 'xyz'; try .svg or .png",
    "g -1": "goto takes a step from 0 to 9, not '-1'; try goto 9",
    "p w3": "a name of this graph is needed, not 'w3'; try w2, w1",
    "w W1": "a name of this graph is needed, not 'W1'; try ",
    "e": "a name of this graph is needed, not ''; try ",
    "u": "a condition is needed, not ''; try abs(after) > 10",
    "B w1 > 2": "a condition compares number, local, upstream, contribution, before, after, not",
    "B __import__('os').system('x') > 1": "a condition has numbers, names, + - * / ** and operati",
    "G /nowhere/x.svg": "render() takes a path in a folder that is there, not '/nowhere'; mak",
    "G picture": "render() takes the format from the suffix, not 'picture'; add .svg, .png or .dot",
    "w -1": "the number of a watch is needed, not '1'; there is none",
    "l x": "list takes a whole number from 1 up, not 'x'; try list 2",
    "\x1b[A": "a command or a name is needed, not '\\x1b[A'; h helps",
}


@pytest.mark.parametrize("command", WRONG, ids=ascii)
def test_a_mistake_is_one_line_and_no_move(command):
    """The rule, the offender, the remedy; the prompt goes on where it was."""
    lines = typed("s 2", command, "s")
    assert lines[:4] + lines[5:] == WALK.splitlines()[:5]
    assert lines[4].startswith(WRONG[command])
    assert lines[4].isprintable()


def test_no_grad_is_changed_by_any_command(tmp_path, monkeypatch):
    """After every command each grad is the very object that it was."""
    monkeypatch.chdir(tmp_path)
    root, _ = mlp_loss()
    values = Recording(root).values
    for i, v in enumerate(values):
        v.grad = float(i)
    before = [v.grad for v in values]
    name = "layers.0.neurons.0.b"
    commands = [
        "s", "n", "c", "b", "g 3", f"u {name}", "B nan", f"w {name}", f"p {name}", "v", "l",
        f"e {name}", "W", "G step.dot", "G", "h", "s",
    ]  # fmt: skip
    typed(*commands, root=root)
    assert (tmp_path / "step.dot").exists()
    assert all(now is grad for now, grad in zip([v.grad for v in values], before, strict=True))


def test_a_derivative_that_does_not_exist_ends_the_walk():
    """The steps up to it are there, and the end says what was wrong and what to do."""
    x = Value(0.0, label="x")
    z = x.sqrt() * 2.0
    end = (
        "      no more steps: float division by zero; in the derivative of sqrt with x = 0.0; "
        "keep the operand above 0"
    )
    assert typed("c", "p x", root=z)[-3:] == [
        end, "x = 0.0, a leaf", "x.grad = ·, not computed: no step comes here",
    ]  # fmt: skip
    y = z + 3.0 * x
    assert typed("c", "p x", root=y)[-1] == "x.grad = 3.0 so far, from step 4"
    output = io.StringIO()
    debug(x.sqrt(), stdin=io.StringIO(""), stdout=output)
    assert output.getvalue().splitlines()[-1] == end


def test_a_leaf_has_no_steps(capsys):
    """It opens, says so, and every move is the end."""
    debug(Value(2.0, label="x"), stdin=io.StringIO("s\nb\nc\nl\nv\ng 0\np x\n"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "x = 2: 1 value, 0 steps of backward(); no grad is changed"
    assert lines[2] == lines[3] == "      no steps: it is a leaf, whose gradient by itself is 1"
    assert lines[-1] == "x.grad = 1.0: backward() starts here"


def test_what_is_no_value_is_refused():
    """debug() takes a result; and one whose data was not changed since."""
    with pytest.raises(TypeError, match=r"debug\(\) takes a Value, not 2\.0; pass a result"):
        debug(2.0)
    x = Value(2.0)
    y = x * x
    x.data = 3.0
    with pytest.raises(RuntimeError, match=r"call recompute\(\) first"):
        debug(y, stdin=io.StringIO(""))


# ---- names and what is recorded ------------------------------------------------------------------


def test_values_have_the_caller_s_names(capsys):
    """Without labels the variables name them, in debug() and in the picture; names= overrides."""
    weight = Value(2.0)
    rate = weight * 3.0
    debug(rate, stdin=io.StringIO("s\n"))
    assert "weight.grad += 3 * 1 = 3" in capsys.readouterr().out
    debug(rate, {"other": weight}, stdin=io.StringIO("s\n"))
    assert "other.grad += 3 * 1 = 3" in capsys.readouterr().out


def test_labels_control_no_terminal():
    """Control characters of labels, in names, lines and errors, are shown as Python writes them."""
    x = Value(2.0, label="\x1b[2Jx\r\nquit")
    lines = typed("s", "v", "l", "p", "w \\x1b[2Jx\\r\\nquit", "s", "h nothing\x07", root=x * x)
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[2Jx\\r\\nquit" in line for line in lines)


def test_gradients_are_those_of_backward_steps():
    """At every place each gradient has the bits of a walk that stopped there."""
    root, _ = mlp_loss()
    recording = Recording(root)
    walk = backward_steps(root, keep=False)
    assert recording.gradient(root, 0) == 1.0
    for at, _ in enumerate(walk, start=1):
        for v in recording.values:
            grad = recording.gradient(v, at)
            assert v.grad == (grad or 0.0)
            with recording.standing(at):
                assert v.grad == (grad or 0.0)
    root.backward()
    assert all(recording.gradient(v, at) == v.grad for v in recording.values)


def test_graph_draws_the_place(tmp_path, monkeypatch):
    """The picture is what draw() makes when backward_steps() stands there; it has its own file."""
    monkeypatch.chdir(tmp_path)
    assert typed("g 6", "G", "G place.dot")[-2:] == ["wrote step-6.svg", "wrote place.dot"]
    assert "<svg" in (tmp_path / "step-6.svg").read_text(encoding="utf-8")
    root = neuron()
    walk = backward_steps(root)
    for _ in range(6):
        next(walk)
    source = draw(root).source
    walk.close()
    assert (tmp_path / "place.dot").read_text(encoding="utf-8") == source
    assert source.count("grad ·") == 3  # w1, w2, x1
    typed("G start.dot", "g 9", "G end.dot")
    assert (tmp_path / "start.dot").read_text(encoding="utf-8").count("grad ·") == 9
    root.backward()
    assert (tmp_path / "end.dot").read_text(encoding="utf-8") == draw(root).source


def test_without_graphviz_the_dot_text_is_left(tmp_path, monkeypatch):
    """One line says what to install, and the text is written beside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    lines = typed("s", "G")[2:]
    assert re.match(r"a picture takes Graphviz' dot, .* pip install ", lines[0])
    assert lines[1] == "wrote step-1.dot"
    assert (tmp_path / "step-1.dot").read_text(encoding="utf-8").startswith("digraph")


# ---- terminals and pipes -------------------------------------------------------------------------


def test_a_terminal_s_width_is_kept(monkeypatch):
    """At 80 columns and at 50 no line is longer, and a formula that does not fit has its own."""
    loss, _ = mlp_loss()
    name = "layers.0.neurons.1.w.0"
    for columns in (80, 50):
        monkeypatch.setenv("COLUMNS", str(columns))
        output = Terminal()
        commands = f"s 9\nu {name}\nl\nv\nw {name}\nc\nh\nfoo {'x' * 20}\np local\nW\nB w1 > 2\n"
        debug(loss, {}, io.StringIO(commands), output)
        lines = output.getvalue().splitlines()
        assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "   1  (x*w+b).grad += 0.42 * 1 = 0.42      -> 0.42"),
        (48, "   1  (x*w+b).grad += 0.42 * 1 = 0.42 -> 0.42"),
        (40, "   1  (x*w+b).grad += 0.42 * 1 = 0.42 -…"),
    ],
)
def test_a_step_that_does_not_fit_has_its_formula_below(columns, line, monkeypatch):
    """The numbers stay on the first line, in their columns, else closer together, else cut."""
    monkeypatch.setenv("COLUMNS", str(columns))
    y, _ = expression("y = tanh(x*w + b)", {"x": 2.0, "w": -3.0, "b": 7.0})
    output = Terminal()
    debug(y, {}, io.StringIO("s\n"), output)
    lines = output.getvalue().splitlines()
    place = lines.index(line)
    assert lines[place + 1] == "      d(y)/d(x*w+b) = 1 - y ** 2"
    assert max(map(len, lines)) <= columns


def test_a_step_too_long_for_its_line_is_whole_in_a_pipe():
    """Where str(step) has not its formula, that has its own line, and the numbers all of one."""
    loss, _ = mlp_loss()
    long = [s for s in backward_steps(loss, keep=False) if s.formula not in str(s)]
    assert long
    for step in long:
        lines = typed(f"g {step.number}", root=loss)
        assert lines[0].endswith(f" -> {digits(step.after)}")
        assert lines[1] == f"      {step.formula}"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_poor_encoding_is_no_fault(encoding):
    """What the output cannot show is written in ASCII."""
    stream = io.BytesIO()
    output = io.TextIOWrapper(stream, encoding)
    x = Value(2.0, label="\u03b1")
    debug(x * x, {}, io.StringIO("v\nc\n"), output)
    output.flush()
    text = stream.getvalue().decode(encoding)
    assert "\\u03b1.grad += 2 * 1 = 2" in text
    assert ("2      -" if encoding == "ascii" else "2      ·") in text


def test_ctrl_c_and_quit_leave(monkeypatch):
    """Ctrl-C at the prompt, the word and the letter end it, without a trace."""

    class Interrupted(io.StringIO):
        def readline(self, *_):
            raise KeyboardInterrupt

    output = io.StringIO()
    debug(neuron(), {}, Interrupted(), output)
    assert output.getvalue() == HEADER + "\n"
    assert typed("q", "s") == typed("quit", "s") == []


def test_the_tab_key_completes_names():
    """Commands by their beginnings; names after the commands that take one, also within one."""
    x, w = Value(2.0, label="x1"), Value(3.0, label="x2")
    debugger = Debugger(Recording(x * w), io.StringIO())
    assert debugger.completenames("w") == ["watch ", "where "]
    assert debugger.completedefault("x", "until x", 6, 7) == ["x1", "x2", "x1*x2"]
    assert debugger.completedefault("x", "p x1*x", 5, 6) == ["x2"]
    assert debugger.completedefault("x", "goto x", 5, 6) == []


def test_a_pipe_is_answered_without_prompts(tmp_path):
    """Commands from a pipe give the same lines as at a prompt; the end of the pipe is the end."""
    commands = "s\n\np n\nn\nfoo\nc\n\n"
    done = subprocess.run(COMMAND, input=commands, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == HEADER + "\n".join(typed(*commands.split("\n")[:-1])) + "\n"
    empty = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, HEADER, "")


class Session:
    """A real terminal, 80 columns wide, with the command in it."""

    LAUNCH = (
        "import fcntl, sys, termios, runpy\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # so that Ctrl-C comes as a signal
        "sys.argv[0] = 'microgradnet'\n"
        "runpy.run_module('microgradnet', run_name='__main__')\n"
    )

    def __init__(self, folder):
        import pty
        import termios

        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        left_out = ("COLUMNS", "LINES", "PYTHONSTARTUP")
        environment = {name: x for name, x in os.environ.items() if name not in left_out}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.LAUNCH, "step", *WORDS],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=folder,
            env={**environment, "TERM": "vt100", "INPUTRC": os.devnull},
        )  # fmt: skip
        os.close(slave)
        self.text = ""

    def until(self, end, patience=30.0):
        """Return what the terminal shows from here up to a text."""
        deadline = time.monotonic() + patience
        while end not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"no {end!r} in {self.text!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode()
                except OSError:  # the other end is closed
                    self.text += "\n(closed)"
        before, _, self.text = self.text.partition(end)
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", before)

    def type(self, keys):
        """Press keys."""
        os.write(self.master, keys.encode())

    def status(self):
        """Return the exit status, after the end."""
        return self.process.wait(timeout=30)

    def close(self):
        """End it in any case."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def session(tmp_path):
    """A session at its first prompt."""
    pytest.importorskip("pty")
    pytest.importorskip("readline")
    session = Session(tmp_path)
    try:
        assert session.until("(0/9) ") == HEADER
        yield session
    finally:
        session.close()


def test_a_terminal_session(session):
    """Steps, the arrow keys' history, the Tab key, a mistake; Ctrl-D ends it with status 0."""
    session.type("s\r")
    assert "1  n.grad    += 0.5 * 1 = 0.5" in session.until("(1/9) ")
    session.type("p n\r")
    assert "complete: from step 1" in session.until("(1/9) ")
    session.type("\x1b[A\x1b[A\r")  # up, up: s
    assert "2  s.grad    += 1 * 0.5 = 0.5" in session.until("(2/9) ")
    session.type("\r")  # Enter: s again
    assert "3  b.grad" in session.until("(3/9) ")
    session.type("unt\tw1\r")  # Tab: until
    assert "9  w1.grad   += 2 * 0.5 = 1" in session.until("(9/9) ")
    session.type("x9\r")
    assert "a command or a name is needed, not 'x9'" in session.until("(9/9) ")
    session.type("b 8\r")
    session.until("(1/9) ")
    session.type("\x04")
    assert "Traceback" not in session.until("(closed)")
    assert session.status() == 0


def test_ctrl_c_at_the_prompt_leaves(session):
    """Ctrl-C in a terminal ends the prompt as quit does."""
    session.type("s\r")
    session.until("(1/9) ")
    for _ in range(30):  # readline sees it when it waits, a moment after the prompt
        if session.process.poll() is None:
            session.type("\x03")
            time.sleep(0.2)
    assert "Traceback" not in session.until("(closed)")
    assert session.status() == 0


def test_a_prompt_without_commands_is_one_too():
    """What Prompt gives to every prompt: help, quit, the end of the input, an empty line."""
    output = io.StringIO()
    Prompt(io.StringIO("\nx\nhelp\nhelp quit\nquit\nx\n"), output).run()
    assert output.getvalue().splitlines() == [
        "a command is needed, not 'x'; h lists them",
        "quit: leave, as Ctrl-C and the end of the input do",
    ]
