r"""Step forwards and backwards through backpropagation, at a prompt.

>>> import io
>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
>>> y = (x * w + b).tanh()
>>> y.label = "y"
>>> debug(y, stdin=io.StringIO("step\nnext\nback\nprint b\n"))
y = 0.7616: 6 values, 5 steps of backward(); no grad is changed
  x = 2, w = -3, b = 7
  x*w   = -6
  x*w+b = 1
  y     = tanh(x*w+b) = 0.7616
h is help, Enter is one step on
   1  (x*w+b).grad += 0.42 * 1 = 0.42      -> 0.42     d(y)/d(x*w+b) = 1 - y ** 2
      y is where backward() starts: its gradient by itself is 1
   2  (x*w).grad   += 1 * 0.42 = 0.42      -> 0.42     d(x*w+b)/d(x*w) = 1
      x*w+b is complete: y, which uses it, has contributed
   3  b.grad       += 1 * 0.42 = 0.42      -> 0.42     d(x*w+b)/d(b) = 1
   2  (x*w).grad   += 1 * 0.42 = 0.42      -> 0.42     d(x*w+b)/d(x*w) = 1
b = 7.0, a leaf
b.grad = ·, not computed yet: to come from step 3

The steps are those of `backward_steps`, recorded once; the prompt is a place among them.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, ClassVar

from microgradnet.drawing import render
from microgradnet.engine import Value
from microgradnet.errors import printable, show, wrong
from microgradnet.explaining import explain
from microgradnet.expressions import FIELDS, Condition
from microgradnet.lines import user_frame
from microgradnet.naming import bracketed, digits
from microgradnet.prompting import Prompt, told
from microgradnet.recording import LEAF, Recording, listed
from microgradnet.stepping import WIDTH, Step

AROUND = 5  # steps in a list on each side
INDENT = " " * 6  # of what stands below a step


def debug(
    root: Value, names: Mapping[str, object] | None = None, stdin: IO[str] | None = None,
    stdout: IO[str] | None = None,
) -> None:  # fmt: skip
    """Open a prompt that steps forwards and backwards through `root.backward()`.

    It only looks: every `grad` is in the end what it was. Values without a label are named by the
    variables of the caller, or by `names`. `help` lists the commands; `quit`, Ctrl-C and the end of
    the input leave. RuntimeError where a `data` was changed since the forward pass.
    """
    if not isinstance(root, Value):
        raise wrong("debug()", "a Value", root, "pass a result, such as a loss", TypeError)
    if names is None:
        names = dict(user_frame(sys._getframe(1)).f_locals)
    debugger = Debugger(Recording(root, names), stdin, stdout)
    debugger.introduce()
    debugger.run()


class Debugger(Prompt):
    """The prompt of debug(), at a place in a recording: `at` of its steps are done."""

    LETTERS: ClassVar = {
        "s": "step", "n": "next", "b": "back", "c": "continue", "g": "goto", "u": "until",
        "B": "break", "D": "delete", "w": "watch", "p": "print", "v": "values", "l": "list",
        "e": "explain", "W": "where", "G": "graph", "h": "help", "q": "quit",
    }  # fmt: skip
    REPEATED = ("step", "next", "back", "continue", "until")
    NAMED = ("until", "break", "watch", "print", "values", "explain", "where")
    repeated = "step"

    def __init__(
        self, recording: Recording, stdin: IO[str] | None = None, stdout: IO[str] | None = None
    ) -> None:
        super().__init__(stdin, stdout)
        self.recording, self.name, self.steps = recording, recording.name, recording.steps
        self.at = 0
        self.node: Value | None = None  # that of the step shown last
        self.breaks: dict[int, Condition] = {}
        self.watched: dict[int, Value] = {}

    def introduce(self) -> None:
        """Say what is stepped through."""
        self.say(*self.recording.summary())
        self.say("h is help, Enter is one step on" if self.steps else self._end())

    def place(self) -> str:
        """Return the place: steps done, and all steps."""
        return f"({self.at}/{len(self.steps)}) "

    def names(self) -> Iterable[str]:
        """Return the names of the Values."""
        return map(self.name, self.recording.values)

    def unknown(self, line: str) -> None:
        """Take the name of a Value as the wish to see it."""
        try:
            self.name.find(line)
        except KeyError:
            raise ValueError(f"a command or a name is needed, not {line!r}; h helps") from None
        self.do_print(line)

    # ---- moves -----------------------------------------------------------------------------------

    def do_step(self, count: str) -> None:
        """step [N]: go on by one contribution, or by N"""
        last = self.at + _count("step", count)
        self._go(lambda step: step.number == last, each=True)

    def do_next(self, rest: str) -> None:
        """next: go on to the end of a node: to all that it contributes"""
        _alone("next", rest)
        self._go(lambda step: self.steps[step.number].node is not step.node, each=True)

    def do_back(self, count: str) -> None:
        """back [N]: go back by one contribution, or by N"""
        back = _count("back", count)
        if not self.at:
            self.say(INDENT + "the start: no step is before it")
            return
        self.at = max(0, self.at - back)
        self._show()

    def do_continue(self, rest: str) -> None:
        """continue: go on to the next break, or to the end"""
        _alone("continue", rest)
        self._go(lambda step: False)

    def do_goto(self, number: str) -> None:
        """goto N: go to step N, on or back; 0 is the start

        Enter then goes on from there, step by step.
        """
        last = len(self.steps)
        if not number.isdecimal() or int(number) > last:
            raise ValueError(
                f"goto takes a step from 0 to {last}, not {show(number)}; try goto {last}"
            )
        self.at, self.repeated = int(number), "step"
        self._show()

    def do_until(self, text: str) -> None:
        """until NAME: go on until a gradient reaches NAME

        Or until a condition holds, as with break. A break stops it too.
        """
        condition = Condition(text, self.name)
        met = [step.number for step in self.steps if condition.meets(step)]
        if not met or met[-1] <= self.at:
            behind = f", but {listed(met)} did" if met else ""
            self.say(f"no step from here on meets {condition.text!r}{behind}")
            return
        self._go(condition.meets)

    # ---- where to stop, what to show -------------------------------------------------------------

    def do_break(self, text: str) -> None:
        """break [NAME]: stop where a gradient reaches NAME; or list the breaks

        Or stop where a condition holds: nan or inf, for a contribution or a gradient
        that is so; or a comparison of the step's number, local, upstream, contribution,
        before and after, the gradient before and after it, such as
          break abs(after) > 10 and number > 3
        break -N removes break N, as delete N does.
        """
        if text[:1] == "-" and text[1:].isdecimal():
            self.do_delete(text[1:])
            return
        if text:
            self.breaks[max(self.breaks, default=0) + 1] = Condition(text, self.name)
        for i, condition in list(self.breaks.items())[-1 if text else 0 :]:
            self.say(f"break {i}: {printable(condition.text)}")
        if not self.breaks:
            self.say("no breaks; break NAME makes one")

    def do_delete(self, number: str) -> None:
        """delete N: remove break N"""
        self.say(f"no more break {number}: {printable(_taken('break', self.breaks, number).text)}")

    def do_watch(self, name: str) -> None:
        """watch [NAME]: show value and gradient of NAME after each move

        Without a name, what is watched is listed; watch -N removes watch N.
        """
        if name[:1] == "-" and name[1:].isdecimal():
            self.say(
                f"no more watch {name[1:]}: {self.name(_taken('watch', self.watched, name[1:]))}"
            )
            return
        if name:
            self.watched[max(self.watched, default=0) + 1] = self.name.find(name)
        for i in list(self.watched)[-1 if name else 0 :]:
            self.say(self._watch(i))
        if not self.watched:
            self.say("nothing is watched; watch NAME does it")

    def do_print(self, name: str) -> None:
        """print [NAME]: show a value, its gradient so far, its operation

        Without a name, the last step, field by field; or one of its fields: number,
        node, operand, local, upstream, contribution, before, after.
        """
        fields = ("number", "node", "operand", *FIELDS[1:])
        field = name.removeprefix("step.")
        if name and field not in fields:
            try:
                v = self.name.find(name)
            except KeyError as error:
                known = ", ".join(fields)
                raise KeyError(f"{error.args[0]}; or a field of the step: {known}") from None
            leaf = "" if v.rule else ", a leaf"
            self.say(self.recording.equation(v, exact=True) + leaf)
            self.say(self.recording.state(v, self.at))
            return
        if not self.at:
            raise ValueError("no step is done yet; s goes to the first")
        for shown in [field] if name else fields:
            part = getattr(self.steps[self.at - 1], shown)
            self.say(f"{shown} = {self.name(part) if isinstance(part, Value) else repr(part)}")

    def do_values(self, part: str) -> None:
        """values [TEXT]: show values and gradients, those with TEXT in the name

        Where there are many, they come in pages, results before leaves: values 2 is
        the second page, values TEXT 2 that of those with TEXT in the name.
        """
        text, _, page = f" {part}".rpartition(" ")
        if not page.isdecimal() or any(part in name for name in self.names() if text):
            text, page = part, "1"
        self.say(*map(self.cut, self.recording.table(self.at, text.strip(), int(page))))

    def do_list(self, number: str) -> None:
        """list [N]: show the steps around this one, or around step N

        The arrow is at the last step that is done.
        """
        middle = _count("list", number) if number else self.at
        first = max(0, middle - AROUND - 1)
        lines = [(step.number, str(step)) for step in self.steps[first : middle + AROUND]]
        if not first:
            lines.insert(0, (0, self._start()))
        blank = "  " * (not lines or lines[-1][0] < 100)  # the arrow stands in their place
        for i, line in lines:
            mark = "->" if i == self.at else "  "
            self.say(self.cut(mark + line.removeprefix(blank)))

    def do_explain(self, name: str) -> None:
        """explain NAME: show its gradient by the chain rule, path by path"""
        target = self.name.find(name)
        text = str(explain(self.recording.root, target, self.recording.given))
        self.say(*text.splitlines())

    def do_where(self, name: str) -> None:
        """where [NAME]: show the line of code that made this node, or NAME"""
        root = self.recording.root
        v = self.name.find(name) if name else self.steps[self.at - 1].node if self.at else root
        if v.line is None:
            self.say(self.recording.equation(v))
            self.say("the line of code is not known: build it in a block of `with record_lines():`")
            return
        import linecache

        file, number, function = v.line
        where = f"{printable(file)}, line {number}, in {printable(function)}"
        self.say(f"{self.name(v)} was made in {where}")
        for i in range(max(1, number - 3), number + 4):
            if text := linecache.getline(file, i).rstrip().expandtabs():
                self.say(self.cut(f"{'->' if i == number else '  '}{i:>4}  {printable(text)}"))

    def do_graph(self, file: str) -> None:
        """graph [FILE]: draw the picture so far, to step-N.svg or FILE"""
        file = file or f"step-{self.at}.svg"
        root, names = self.recording.root, self.recording.given
        with self.recording.standing(self.at):
            try:
                path = render(root, file, names=names)
            except RuntimeError as error:
                self.say(told(error))
                path = render(root, f"{file.rpartition('.')[0]}.dot", names=names)
        self.say(f"wrote {printable(str(path))}")

    def do_help(self, name: str) -> None:
        """help [COMMAND]: show all commands, or all about one"""
        super().do_help(name)
        if not name:
            self.say("Enter repeats the last move; a name alone is printed. No grad is changed.")

    # ---- moving and showing ----------------------------------------------------------------------

    def _go(self, enough: Callable[[Step], bool], each: bool = False) -> None:
        """Go on until there is enough, a break or the end; show that step, or each."""
        last = len(self.steps)
        if self.at == last:
            self.say(self._end())
        while self.at < last:
            step = self.steps[self.at]
            self.at += 1
            hits = [i for i, condition in self.breaks.items() if condition.meets(step)]
            if self.at == last or hits or enough(step):
                self._show(hits)
                return
            if each:
                self.say(*self._told(step))

    def _show(self, hits: Iterable[int] = ()) -> None:
        if self.at:
            self.say(*self._told(self.steps[self.at - 1]))
        else:
            self.say(self._start())
            self.node = None
        self.say(*(f"{INDENT}break {i}: {printable(self.breaks[i].text)}" for i in hits))
        self.say(*(INDENT + self._watch(i) for i in self.watched))
        if self.at == len(self.steps):
            self.say(self._end())

    def _told(self, step: Step) -> list[str]:
        """Return a step's line, and why its node comes now where that is another node."""
        lines = [str(step)]
        width = self.width or WIDTH
        if len(lines[0]) > width or not lines[0].endswith(step.formula):  # it goes below
            after = f"-> {digits(step.after)}"
            head = lines[0].partition(f"{after} ")[0] + after
            if len(head) > width:
                head = (
                    f"{step.number:>4}  {bracketed(self.name(step.operand))}.grad += "
                    f"{digits(step.local)} * {digits(step.upstream)} "
                    f"= {digits(step.contribution)} {after}"
                )
            lines = [self.cut(head), INDENT + step.formula]
        if step.node is not self.node:
            lines.append(INDENT + step.why)
        self.node = step.node
        return lines

    def _start(self) -> str:
        return f"   0  {bracketed(self.name(self.recording.root))}.grad = 1: backward() starts here"

    def _end(self) -> str:
        if self.recording.fault:
            return f"{INDENT}no more steps: {self.recording.fault}"
        if not self.steps:
            return INDENT + LEAF
        return INDENT + "the end: every gradient is complete; v shows them, b goes back"

    def _watch(self, i: int) -> str:
        v = self.watched[i]
        grad = self.recording.gradient(v, self.at)
        shown = "·" if grad is None else digits(grad)
        return self.cut(f"watch {i}: {self.name(v)} = {digits(v)}, grad {shown}")


def _count(what: str, text: str) -> int:
    if text and (not text.isdecimal() or not int(text)):
        raise ValueError(f"{what} takes a whole number from 1 up, not {text!r}; try {what} 2")
    return int(text or 1)


def _alone(what: str, rest: str) -> None:
    if rest:
        raise ValueError(f"{what} stands alone, not with {rest!r}; h lists the commands")


def _taken(what: str, table: dict[int, Any], number: str) -> Any:
    if not number.isdecimal() or int(number) not in table:
        known = ", ".join(map(str, table)) or "none"
        raise ValueError(f"the number of a {what} is needed, not {show(number)}; there is {known}")
    return table.pop(int(number))
