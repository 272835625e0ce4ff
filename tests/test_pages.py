"""Pages: one file that shows forward and backward a step at a time, driven in a real browser."""
# ruff: noqa: RUF001  the page has a sign of its own for products

import base64
import hashlib
import html
import json
import math
import re
import shutil
import sys

import pytest
from hostile import HOSTILE

from microgradnet import drawing, nn
from microgradnet.drawing import executable
from microgradnet.engine import Value, topological_order
from microgradnet.errors import printable
from microgradnet.lines import record_lines
from microgradnet.naming import digits
from microgradnet.operations import NOT_COMPUTED, OPERATIONS
from microgradnet.pages import COLOURS, LIMIT, Page, page
from microgradnet.stepping import backward_steps

SHOWN = (
    "script", "image", "comment", "quotes", "newlines", "separators", "surrogate", "entity",
    "template", "ansi", "null", "blank", "long", "unicode",
)  # fmt: skip


def _found():
    try:
        return executable()
    except RuntimeError:
        return ""


pytestmark = pytest.mark.skipif(not _found(), reason="neither dot nor graphviz-pure is here")


def neuron():
    """Return Karpathy's neuron, o = tanh(x1 w1 + x2 w2 + b)."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1, x2w2 = x1 * w1, x2 * w2
    x1w1.label, x2w2.label = "x1w1", "x2w2"
    both = x1w1 + x2w2
    both.label = "x1w1x2w2"
    n = both + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return o


def network(widths=(8, 7, 1)):
    """Return the squared error of a network for one example: 324 Values."""
    model = nn.MLP(4, list(widths), activation="tanh", seed=0)
    loss = (model([Value(1.0 + i, label=f"x{i}") for i in range(4)]) - 1.0) ** 2
    loss.label = "loss"
    return loss


def reuse():
    """Return y = x * x + x at 3, in which x is used three times."""
    x = Value(3.0, label="x")
    square = x * x
    square.label = "square"
    y = square + x
    y.label = "y"
    return y


def data(text):
    """Return the data in a page."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    )


# ---- the file ------------------------------------------------------------------------------------


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    """A page depends on its graph alone: not on its path, on the gradients, or on the run."""
    first = page(neuron(), tmp_path / "first.html")
    o = neuron()
    o.backward()
    second = page(o, str(tmp_path / "second.html"))
    assert first.path.read_bytes() == second.path.read_bytes() == first.html.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.html", "second.html"]


def test_the_page_holds_all_that_it_needs(tmp_path):
    """No address of another file or host stands in the page, but the name of SVG."""
    text = page(neuron(), tmp_path / "o.html").html
    assert set(re.findall(r"\w+://[^\"'\s]*", text)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"\b(?:src|href|action)\s*=|@import|url\(", text) == []
    assert "{{" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_only_its_own_script_and_style_may_run(tmp_path):
    """The policy forbids everything but the script and the style with these hashes."""
    text = page(neuron(), tmp_path / "o.html").html
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("style", "script"):
        (code,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert len(rules) == 5
    assert re.findall(r"\sstyle=|\son\w+=", text) == []  # the policy would stop these


def test_its_numbers_are_those_of_backward_steps(tmp_path):
    """Each contribution on the page is that of the same number in backward_steps."""
    o = neuron()
    told = data(page(o, tmp_path / "o.html").html)
    steps = list(backward_steps(o, keep=False))
    assert len(told["backward"]) == len(steps) == 9
    for step, (node, operand, index, *numbers) in zip(steps, told["backward"], strict=True):
        name = step.walk.names
        assert (told["names"][node], told["names"][operand]) == (
            name(step.node),
            name(step.operand),
        )
        assert index == step.index
        figures = step.local, step.upstream, step.contribution, step.before, step.after
        assert numbers[:5] == [digits(x) for x in figures]
        assert f"d({name(step.node)})/d({name(step.operand)}) = {numbers[5]}" == step.formula
        assert numbers[6].startswith(f"{step.why}. ")


def test_no_gradient_is_changed(tmp_path):
    """A page leaves every grad as it is: not computed, or of an earlier backward()."""
    o = neuron()
    values = topological_order(o)
    page(o, tmp_path / "o.html")
    assert all(v.grad is NOT_COMPUTED for v in values)
    o.backward()
    o.backward()
    before = [v.grad for v in values]
    page(o, tmp_path / "o.html")
    assert [v.grad for v in values] == before


@pytest.mark.parametrize("kind", SHOWN)
def test_a_label_is_data(tmp_path, kind):
    """A label, and a name, comes into the page as text in JSON and nowhere else."""
    label = HOSTILE[kind]
    x, w = Value(2.0, label=label), Value(3.0)
    told = page(x * w, tmp_path / "o.html", names={label: w}).html
    assert printable(label) in data(told)["names"]
    clean = page(Value(2.0, label="x") * w, tmp_path / "o.html", names={"w": w}).html
    assert re.sub(r'id="data">.*?<', "", told) == re.sub(r'id="data">.*?<', "", clean)
    assert json.dumps(data(told)).isascii()


def test_names_of_variables(tmp_path):
    """names=locals() names the Values without a label, on the cards and in the lines."""
    a, weights = Value(2.0), [Value(4.0)]
    product = a * weights[0]
    told = data(page(product.tanh(), tmp_path / "o.html", names=locals()).html)
    assert told["names"] == ["a", "weights[0]", "product", "tanh(product)"]
    assert [card[1:3] for card in told["cards"]] == [
        ["a", ""], ["weights[0]", ""], ["product", " = ×"], ["tanh(product)", " = tanh"]
    ]  # fmt: skip
    assert [card[0] for card in told["cards"]] == ["input", "parameter", "result", "result"]


def test_the_lines_of_code(tmp_path):
    """Where lines are recorded, a result comes with its line of code."""
    with record_lines():
        x = Value(2.0, label="x")
        y = x.tanh()  # its line
    lines = data(page(y, tmp_path / "y.html").html)["lines"]
    assert lines[1].startswith("test_pages.py:")
    assert lines[1].endswith(" in test_the_lines_of_code: y = x.tanh()  # its line")
    assert data(page(x.tanh(), tmp_path / "y.html").html)["lines"][1] == ""


@pytest.mark.parametrize(
    ("make", "line", "words"),
    [
        (lambda x, y: x * y, "z = x × y = 2 × -3 = -6", "z is the product of x and y."),
        (lambda x, y: x + y, "z = x + y = 2 + (-3) = -1", "z is the sum of x and y."),
        (lambda x, y: x - y, "z = x − y = 2 − (-3) = 5", "z is the difference of x and y."),
        (lambda x, y: x / y, "z = x / y = 2 / -3 = -0.6667", "z is the quotient of x and y."),
        (lambda x, y: y**2, "z = y ** 2 = (-3) ** 2 = 9", "z is y to the power of 2."),
        (lambda x, y: -y, "z = −y = −(-3) = 3", "z is minus y."),
        (lambda x, y: y.relu(), "z = relu(y) = relu(-3) = 0", "z is relu of y."),
        (
            lambda x, y: x.maximum(y),
            "z = maximum(x, y) = maximum(2, -3) = 2",
            "z is the larger of x and y.",
        ),
        (
            lambda x, y: x * (x - y),
            "z = x × (x-y) = 2 × 5 = 10",
            "z is the product of x and x-y.",
        ),
        (lambda x, y: -(x + y), "z = −(x+y) = −(-1) = 1", "z is minus (x+y)."),
        (lambda x, y: x + -x, "z = x + (-x) = 2 + (-2) = 0", "z is the sum of x and -x."),
        (
            lambda x, y: (x - y) ** 2,
            "z = (x-y) ** 2 = 5 ** 2 = 25",
            "z is (x-y) to the power of 2.",
        ),
        (lambda x, y: abs(y), "z = abs(y) = abs(-3) = 3", "z is the absolute value of y."),
    ],
)
def test_an_operation_in_words_and_numbers(tmp_path, make, line, words):
    """The forward pass tells each operation with names and with numbers."""
    z = make(Value(2.0, label="x"), Value(-3.0, label="y"))
    z.label = "z"
    told = data(page(z, tmp_path / "z.html").html)
    *_, parts, sentence = told["forward"][-1]
    names = told["names"]
    assert "".join(part if isinstance(part, str) else names[part] for part in parts) == line
    assert sentence == words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x + 1.0, "A sum passes its gradient on as it is: x gets 1 × 1 = 1."),
        (lambda x: x - 1.0, "A difference passes its gradient on as it is: x gets 1 × 1 = 1."),
        (
            lambda x: 1.0 - x,
            "A difference passes its gradient on, with the other sign: x gets -1 × 1 = -1.",
        ),
        (
            lambda x: 3.0 * x,
            "A product passes its gradient on, times the other factor: x gets 3 × 1 = 3.",
        ),
        (
            lambda x: x / 4.0,
            "A quotient passes its gradient on, divided by its denominator: "
            "x gets 0.25 × 1 = 0.25.",
        ),
        (
            lambda x: 4.0 / x,
            "A quotient passes its gradient on, times its slope: x gets -1 × 1 = -1.",
        ),
        (lambda x: x**2, "A power passes its gradient on, times its slope: x gets -4 × 1 = -4."),
        (
            lambda x: abs(x),
            "An absolute value passes its gradient on, times the sign of its operand: "
            "x gets -1 × 1 = -1.",
        ),
        (lambda x: -x, "A minus passes its gradient on, with the other sign: x gets -1 × 1 = -1."),
        (
            lambda x: x.relu(),
            "relu passes its gradient on, times its slope: x gets 0 × 1 = 0. "
            "The local derivative is 0 here, so nothing comes through.",
        ),
    ],
)
def test_a_contribution_in_words(tmp_path, make, words):
    """The backward pass tells what an operation does with its gradient."""
    z = make(Value(-2.0, label="x"))
    told = data(page(z, tmp_path / "z.html").html)
    sentences = [step[9] for step in told["backward"] if told["names"][step[1]] == "x"]
    assert [sentence.partition("its gradient by itself is 1. ")[2] for sentence in sentences] == [
        words
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_words(tmp_path, name):
    """What an operation is and does is told in words, or by its function's name: never a sign."""
    rule = OPERATIONS[name]
    operands = [Value(0.5, label="x"), Value(0.25, label="y")][: len(rule.partials)]
    z = rule(*operands)
    z.label = "z"
    told = data(page(z, tmp_path / "z.html").html)
    sentences = [step[9].partition("its gradient by itself is 1. ")[2] for step in told["backward"]]
    assert len(sentences) == sum(partial is not None for partial in rule.partials)
    for sentence in sentences:
        assert re.match(r"(An? [a-z ]+|[a-z]\w*) passes its gradient on", sentence)
    assert re.match(r"z is [a-z]\w* |z is y|z is x to", told["forward"][-1][3])


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A page that cannot be made, or written, leaves what was there, and nothing beside it."""
    path = tmp_path / "o.html"
    path.write_text("old")

    def fail(*_):
        raise OSError("no space left on device")

    for target, name in ((drawing, "run"), (type(path), "replace"), (type(path), "write_bytes")):
        with monkeypatch.context() as context:
            context.setattr(target, name, fail)
            if target is drawing:
                context.setattr(sys.modules["microgradnet.pages"], "run", fail)
            with pytest.raises(OSError, match="no space left"):
                page(neuron(), path)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_what_page_refuses(tmp_path, monkeypatch):
    """An error names the rule, the offender and the remedy; no file is left."""
    path = tmp_path / "o.html"
    with pytest.raises(TypeError, match=r"takes a Value, not 3\.0; pass a result"):
        page(3.0, path)
    with pytest.raises(FileNotFoundError, match=r"not '.*missing'; make it first"):
        page(neuron(), tmp_path / "missing" / "o.html")
    for folder in ("", ".", str(tmp_path), tmp_path):
        with pytest.raises(IsADirectoryError) as refused:
            page(neuron(), folder)
        assert str(refused.value) == (
            f"page() takes the name of a file to write, not {str(folder)!r}; "
            "that is a folder; try 'steps.html'"
        )
    with pytest.raises(TypeError, match="names takes name -> object"):
        page(neuron(), path, names=[1])
    total = Value(0.0)
    for _ in range(LIMIT):
        total = total + total
    with pytest.raises(ValueError, match=rf"at most {LIMIT} Values.* has {LIMIT + 1}; take one"):
        page(total, path)
    o = neuron()
    o.args[0].data = 1.0
    with pytest.raises(RuntimeError, match="recompute"):
        page(o, path)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="install Graphviz"):
        page(neuron(), path)
    assert list(tmp_path.iterdir()) == []


def test_it_shows_itself_in_a_notebook(tmp_path):
    """The result of page() is a path, and an inline frame that holds the whole page."""
    made = page(neuron(), tmp_path / "o.html")
    assert isinstance(made, Page)
    assert (made.path, repr(made)) == (tmp_path / "o.html", f"Page({str(made.path)!r})")
    with open(made, encoding="utf-8") as file:
        assert file.read() == made.html
    (source,) = re.findall(
        r'^<iframe srcdoc="([^"]*)" sandbox="allow-scripts" ', made._repr_html_()
    )
    assert html.unescape(source) == made.html


def test_a_page_for_324_values_is_small(tmp_path):
    """The page of a network's loss, 324 Values and 398 contributions, has less than 1 MB."""
    loss = network()
    made = page(loss, tmp_path / "loss.html")
    assert (len(topological_order(loss)), len(data(made.html)["backward"])) == (324, 398)
    assert len(made.html.encode()) < 1_000_000


def test_both_programs_give_the_same_cards_and_edges(tmp_path, monkeypatch):
    """Graphviz and graphviz-pure differ in where things are, and in nothing else."""
    found = [
        shutil.which(name) or shutil.which(name, path=str(sys.prefix) + "/bin")
        for name in ("dot", "graphviz-pure")
    ]
    if not all(found):
        pytest.skip("dot and graphviz-pure are not both here")
    pages = []
    for program in found:
        monkeypatch.setattr(drawing, "executable", lambda program=program: program)
        pages.append(data(page(neuron(), tmp_path / "o.html").html))
    one, other = pages
    assert [card[:5] for card in one["cards"]] == [card[:5] for card in other["cards"]]
    assert sorted(edge[0] for edge in one["edges"]) == sorted(edge[0] for edge in other["edges"])
    drop = {"cards", "edges", "view", "shift"}
    assert {k: one[k] for k in one.keys() - drop} == {k: other[k] for k in other.keys() - drop}


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2.1, from 1 to 21."""
    lights = []
    for colour in (one, other):
        parts = [c / 255.0 for c in colour]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        lights.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05)
    return max(lights) / min(lights)


# ---- in a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Start Chromium without a window, once for all tests."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    from selenium import webdriver

    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("Chromium and chromedriver are not both here")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


class Reader:
    """Somebody who reads a page: opens it, clicks and types, and says what there is to see."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder

    def open(self, v, link="", width=1280, height=800, dark=False, **options):
        made = page(v, self.folder / "page.html", **options)
        self.media(dark=dark)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.browser.get("about:blank")
        self.browser.get(made.path.as_uri() + link)
        return made

    def media(self, dark=False, kind="screen"):
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        settings = {"features": features, "media": kind}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", settings)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, key):
        return self.find(f"#{key}").text

    def click(self, key):
        self.find(f"#{key}").click()

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def wait(self, condition):
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, 10, poll_frequency=0.02).until(lambda _: condition())

    @property
    def at(self):
        return self.text("label")

    def column(self, kind):
        """Return name -> what stands in a cell, "data" or "grad", of the cards with a name."""
        script = """
            const cards = [...document.querySelectorAll(".card")];
            return cards.filter((card) => card.querySelector(".name")).map((card) => [
              card.querySelector(".name").firstChild.textContent,
              card.querySelector(arguments[0]).textContent])"""
        return {name: text.removeprefix("grad ") for name, text in self.run(script, f".{kind}")}

    def picture(self):
        """Return all of the graph that steps change: texts, classes, colours, widths, the rings."""
        return self.run("""
          return [...document.querySelectorAll("#graph *")].map((e) => [
            [...e.classList].sort().join(" "), e.children.length ? "" : e.textContent,
            e.getAttribute("fill-opacity") ?? "1", e.style.strokeWidth,
            e.matches(".halo.on") && ["x", "y", "width", "height"].map((k) => e.getAttribute(k)),
          ])""")


@pytest.fixture
def reader(chromium, tmp_path):
    """Return a reader; in the end nothing was complained of, fetched, or run from a label."""
    chromium.get_log("browser")
    reader = Reader(chromium, tmp_path)
    yield reader
    assert chromium.get_log("browser") == []
    assert reader.run("return performance.getEntriesByType('resource').length") == 0
    assert reader.run("return window.hacked === undefined")


def keys():
    from selenium.webdriver.common.keys import Keys

    return Keys


def test_forward_then_backward(reader):
    """Values appear one operation a step, then gradients one contribution a step."""
    reader.open(neuron())
    leaves = {"x1": "2", "x2": "0", "w1": "-3", "w2": "1", "b": "6.881"}
    values = dict.fromkeys(("x1w1", "x2w2", "x1w1x2w2", "n", "o"), "·")
    assert reader.at == "forward 0 / 5"
    assert reader.column("data") == leaves | values
    grads = dict.fromkeys(leaves | values, "·")
    for number, (name, value) in enumerate(
        {"x1w1": "-6", "x2w2": "0", "x1w1x2w2": "-6", "n": "0.8814", "o": "0.7071"}.items(), 1
    ):
        reader.click("next")
        values[name] = value
        assert reader.at == f"forward {number} / 5"
        assert reader.column("data") == leaves | values
        assert reader.column("grad") == grads
    reader.click("next")
    assert (reader.at, reader.text("equation")) == ("backward 0 / 9", "o.grad = 1")
    grads["o"] = "1"
    assert reader.column("grad") == grads
    for step in backward_steps(neuron(), keep=False):
        reader.click("next")
        assert reader.at == f"backward {step.number} / 9"
        grads[step.operand.label] = digits(step.after)
        assert reader.column("grad") == grads
    assert {name: grads[name] for name in ("n", "x2", "w2", "x1", "w1")} == {
        "n": "0.5", "x2": "0.5", "w2": "0", "x1": "-1.5", "w1": "1",
    }  # fmt: skip
    reader.click("next")
    assert reader.at == "backward 9 / 9"


def test_a_step_is_told(reader):
    """A step shows the chain rule in names and numbers, the formula, why, and where."""
    reader.open(neuron(), "#6")
    line = "x2.grad += d(x2w2)/d(x2) × x2w2.grad = 1 × 0.5 = 0.5"
    assert reader.text("equation") == line
    assert reader.text("change") == "0 → 0.5"
    assert reader.text("formula") == "d(x2w2)/d(x2) = w2"
    assert reader.text("words").startswith("x2w2 is complete: x1w1x2w2, which uses it, has contri")
    assert reader.text("words").endswith("times the other factor: x2 gets 1 × 0.5 = 0.5.")
    spans = reader.run("""return [...document.querySelectorAll("#equation span")].map(
      (span) => [span.textContent, span.className, getComputedStyle(span).color])""")
    assert [span[:2] for span in spans] == [
        ["x2", "operand"], ["x2w2", "node"], ["x2", "operand"], ["x2w2", "node"]
    ]  # fmt: skip
    assert len({colour for _, _, colour in spans}) == 2
    reader.open(neuron(), "#f1")
    assert reader.text("equation") == "x1w1 = x1 × w1 = 2 × -3 = -6"
    assert not reader.find("#change").is_displayed()
    with record_lines():
        y = neuron()
    reader.open(y, "#6")
    assert "x1w1, x2w2 = x1 * w1, x2 * w2" in reader.text("source")


def test_a_value_that_is_used_again_adds_up(reader):
    """A step that adds to a gradient says so, and shows it grow: y = x * x + x at 3."""
    reader.open(reuse(), "#2")
    assert (reader.at, reader.text("change")) == ("backward 2 / 4", "0 → 1")
    assert "x is used 3 times: its gradient is a sum of 3, and this is the first; 2 to come." in (
        reader.text("words")
    )
    reader.click("next")
    assert "this adds to the 1 that is there; 1 to come." in reader.text("words")
    reader.click("next")
    assert reader.text("change") == "4 → 7"
    assert reader.text("words").endswith("this adds to the 4 that is there; it is complete.")
    assert reader.column("grad")["x"] == "7"
    reader.click("previous")
    assert reader.column("grad")["x"] == "4"


def test_what_no_gradient_reaches_has_0_in_the_end(reader):
    """The last step shows 0 where no gradient came, as backward() gives it; a step back, none."""
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(1.0, label="c")
    product = a * b  # below 0: the relu lets nothing through
    product.label = "product"
    y = product.relu() * c + 5.0
    y.label = "y"
    steps = list(backward_steps(y, keep=False))
    reached = {step.operand for step in steps} | {y}
    assert not {a, b} & reached
    reader.open(y, f"#{len(steps)}")
    y.backward()
    shown = reader.column("grad")
    assert {v.label: shown[v.label] for v in (a, b, c, product, y)} == {
        v.label: digits(v.grad) for v in (a, b, c, product, y)
    }
    assert reader.text("words").endswith(" No gradient reaches 2 others: theirs is 0.")
    assert overflowing(reader) == []
    reader.click("previous")
    shown = reader.column("grad")
    assert (shown["a"], shown["b"]) == ("·", "·")
    reader.click("next")
    assert reader.column("grad")["a"] == "0"
    reader.click("first")
    assert set(reader.column("grad").values()) == {"·"}
    exponent = Value(2.0, label="n")
    reader.open(Value(3.0, label="x").constant_power(exponent), "#1")
    assert reader.text("words").endswith(" No gradient reaches n: its is 0.")
    assert reader.column("grad") | {"n": "0"} == reader.column("grad")


def test_names_that_are_formulas_have_brackets(reader):
    """A formula that is a name stands in brackets before .grad, in the step and in the list."""
    x, w, b = Value(2.0, label="x"), Value(3.0, label="w"), Value(-1.0)
    reader.open((x * w + b).tanh(), "#1")
    name = data(reader.browser.page_source)["names"][-2]  # of the sum
    assert name.startswith("x*w+")
    assert reader.text("equation").startswith(f"({name}).grad += d(tanh({name}))/d({name}) × ")
    steps = reader.run("""return [...document.querySelectorAll("#steps button")].map(
      (button) => button.querySelector("span").textContent)""")[-6:]
    grown = [step.partition(" += ")[0].partition(" = ")[0] for step in steps]
    assert grown == [
        f"start: tanh({name}).grad", f"({name}).grad", "(x*w).grad", "(-1).grad", "x.grad", "w.grad"
    ]  # fmt: skip
    reader.click("next")
    assert f"/d(x*w) × ({name}).grad = 1 × " in reader.text("equation")
    reader.open(x * w, "#0")
    assert reader.text("equation") == "(x*w).grad = 1"


def test_what_is_highlighted(reader):
    """The node, its operands and the edges of a step stand out; walked edges are strong."""
    reader.open(neuron(), "#6")
    place = data(reader.browser.page_source)["names"].index

    def around():
        return reader.run("""
          const inside = (ring, card) => {
            const [a, b] = [ring.getBoundingClientRect(), card.getBoundingClientRect()];
            return a.left < b.left && a.right > b.right && a.top < b.top && a.bottom > b.bottom;
          };
          return [...document.querySelectorAll(".halo.on")].map((ring) => [
            ring.classList[1], [...document.querySelectorAll(".card")].filter(
              (card) => inside(ring, card)).map((card) => card.id)])""")

    def edges(kind):
        found = reader.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.id)", f"g.edge{kind}"
        )
        return set(found)

    assert around() == [["operand", [f"n{place('x2')}"]], ["node", [f"n{place('x2w2')}"]]]
    assert edges(".now") == {f"e{place('x2w2')}-0"}
    walked = {f"e{place('o')}-0", f"e{place('x2w2')}-0"}
    walked |= {f"e{place(name)}-{i}" for name in ("n", "x1w1x2w2") for i in (0, 1)}
    assert edges(".walked") == walked
    faint = reader.run("""return [...document.querySelectorAll("g.edge")].filter(
      (edge) => getComputedStyle(edge).opacity < 1).map((edge) => edge.id)""")
    assert set(faint) == edges("") - walked
    reader.press(keys().HOME)
    for _ in range(3):
        reader.press(keys().ARROW_RIGHT)
    assert around() == [
        ["operand", [f"n{place('x1w1')}"]], ["operand", [f"n{place('x2w2')}"]],
        ["node", [f"n{place('x1w1x2w2')}"]],
    ]  # fmt: skip
    assert edges(".now") == {f"e{place('x1w1x2w2')}-0", f"e{place('x1w1x2w2')}-1"}


def test_the_colour_of_a_gradient(reader):
    """A gradient's cell is red, blue, pale or, before it is computed, as the card."""
    reader.open(neuron(), "#9")

    def cell(name):
        return reader.run("""
          const card = [...document.querySelectorAll(".card")].find(
            (card) => card.querySelector(".name").firstChild.textContent === arguments[0]);
          const style = getComputedStyle(card.querySelector(".cell"));
          return [style.fill, Number(style.fillOpacity)]""", name)  # fmt: skip

    red, blue = (f"rgb({', '.join(map(str, COLOURS[sign]))})" for sign in ("pos", "neg"))
    assert cell("x1") == [blue, round(drawing.depth(-1.5, 1.5), 2)]
    assert cell("w1") == [red, round(drawing.depth(1.0, 1.5), 2)]
    assert cell("b") == [red, round(drawing.depth(0.5, 1.5), 2)]
    assert cell("w2")[0] not in (red, blue)
    reader.click("previous")
    assert cell("w1") == ["rgb(255, 255, 255)", 1]


def test_every_way_to_a_step_shows_the_same(reader):
    """A position looks the same, reached step by step, backwards, and by a jump."""
    reader.open(reuse())
    forwards = []
    for _ in range(8):
        forwards.append((reader.at, reader.picture(), reader.text("said")))
        reader.press(keys().ARROW_RIGHT)
    assert forwards[-1][0] == reader.at == "backward 4 / 4"
    for seen in reversed(forwards):
        assert (reader.at, reader.picture(), reader.text("said")) == seen
        reader.press(keys().ARROW_LEFT)
    for at in (5, 0, 7, 2, 6, 1):
        reader.browser.find_elements("css selector", "#steps button")[at].click()
        assert (reader.at, reader.picture(), reader.text("said")) == forwards[at]


def test_the_keys(reader):
    """Arrows step, Home and End go to the ends, also with the focus in the graph or the list."""
    reader.open(neuron())
    keyboard = keys()
    for focus in ("body", "#pane", "#steps button"):
        if focus != "body":
            reader.run("document.querySelector(arguments[0]).focus()", focus)
        reader.press(keyboard.HOME)
        assert reader.at == "forward 0 / 5"
        reader.press(keyboard.ARROW_LEFT)
        assert reader.at == "forward 0 / 5"
        reader.press(keyboard.ARROW_RIGHT, keyboard.ARROW_RIGHT, keyboard.ARROW_LEFT)
        assert reader.at == "forward 1 / 5"
        reader.press(keyboard.END)
        assert reader.at == "backward 9 / 9"


def test_the_buttons(reader):
    """First, previous, next and last do what they say, by mouse and by keyboard."""
    reader.open(neuron(), "#3")
    for key, at in (
        ("next", "backward 4 / 9"), ("previous", "backward 3 / 9"), ("last", "backward 9 / 9"),
        ("next", "backward 9 / 9"), ("first", "forward 0 / 5"), ("previous", "forward 0 / 5"),
    ):  # fmt: skip
        reader.click(key)
        assert reader.at == at
    reader.find("#next").send_keys(" ")
    reader.find("#next").send_keys(keys().ENTER)
    assert reader.at == "forward 2 / 5"
    assert reader.run("return document.activeElement.id") == "next"


def test_the_slider(reader):
    """The slider goes to any position, by one with its keys, and says where it is."""
    reader.open(neuron())
    slider = reader.find("#slider")
    slider.click()  # in its middle: position 7.5 of 15
    assert reader.at in ("backward 1 / 9", "backward 2 / 9")
    slider.send_keys(keys().HOME)
    slider.send_keys(keys().ARROW_RIGHT)
    assert reader.at == "forward 1 / 5"
    assert slider.get_attribute("aria-valuetext") == "forward 1 / 5: x1w1 = -6"
    slider.send_keys(keys().END)
    assert slider.get_attribute("aria-valuetext") == "backward 9 / 9: w1.grad += 2 × 0.5 = 1"


@pytest.mark.parametrize(
    ("link", "at"),
    [
        ("#6", "backward 6 / 9"), ("#0", "backward 0 / 9"), ("#f3", "forward 3 / 5"),
        ("#f0", "forward 0 / 5"), ("#10", "forward 0 / 5"), ("#f6", "forward 0 / 5"),
        ("#x", "forward 0 / 5"),
    ],
)  # fmt: skip
def test_a_link_to_a_step(reader, link, at):
    """An address ends in #12 for a step of backward, in #f3 for one of forward."""
    reader.open(neuron(), link)
    assert reader.at == at


def test_the_address_follows(reader):
    """Stepping changes the address, without a history; another address steps."""
    reader.open(neuron())
    length = reader.run("return history.length")
    reader.press(keys().END, keys().ARROW_LEFT)
    reader.wait(lambda: reader.run("return location.hash") == "#8")
    reader.press(keys().HOME, keys().ARROW_RIGHT)
    reader.wait(lambda: reader.run("return location.hash") == "#f1")
    assert reader.run("return history.length") == length
    reader.run("location.hash = '#4'")
    reader.wait(lambda: reader.at == "backward 4 / 9")


def test_the_list(reader):
    """Each step is a button in the list; the current one is marked, and in view."""
    loss = network()
    forward = sum(1 for v in topological_order(loss) if v.args)
    reader.open(loss, "#200")
    items = reader.browser.find_elements("css selector", "#steps li > button")
    assert len(items) == len(["start", "seed"]) + forward + 398

    def current():
        (marked,) = reader.browser.find_elements("css selector", "#steps [aria-current=step]")
        return marked, reader.run("""
          const [a, b] = [arguments[0], arguments[0].closest("#steps")].map(
            (element) => element.getBoundingClientRect());
          return a.top >= b.top && a.bottom <= b.bottom""", marked)  # fmt: skip

    marked, visible = current()
    assert marked.text.startswith("200\n")
    assert visible
    reader.run("arguments[0].scrollIntoView({block: 'center'})", items[3])
    items[3].click()
    assert reader.at.startswith("forward 3 / ")
    assert current() == (items[3], True)
    reader.press(keys().END)
    assert current() == (items[-1], True)


def test_play(reader):
    """Play runs to the end; again, from the beginning; space and any step pause it."""
    reader.open(neuron(), "#2")
    reader.find("#speed option[value='100']").click()
    play = reader.find("#play")
    play.click()
    assert play.get_attribute("aria-label") == "pause"
    assert reader.find("#words").get_attribute("aria-live") == "off"
    reader.wait(lambda: reader.at == "backward 9 / 9")
    reader.wait(lambda: play.get_attribute("aria-label") == "play")
    assert reader.find("#words").get_attribute("aria-live") == "polite"
    reader.press(" ")
    reader.wait(lambda: reader.at.startswith("forward "))
    reader.press(" ")
    assert (play.get_attribute("aria-label"), play.text) == ("play", "Play")
    reader.press(" ")
    reader.click("previous")
    assert play.get_attribute("aria-label") == "play"


@pytest.mark.parametrize("kind", SHOWN)
def test_a_label_is_shown_and_never_run(reader, kind):
    """Whatever a label holds, the page shows it as text, in all places, and works on."""
    label = HOSTILE[kind]
    x = Value(2.0, label=label)
    with record_lines():
        y = x * x
    y.label = label + "y"
    reader.open(y, "#2")
    name = printable(label)
    assert reader.at == "backward 2 / 2"
    assert reader.run("return document.querySelector('#equation span').textContent") == name
    assert name in reader.run("return document.querySelector('#words').textContent")
    titles = reader.run(
        "return [...document.querySelectorAll('.card[id] title')].map((t) => t.textContent)"
    )
    assert titles == [f"{name} = 2.0", f"{printable(label + 'y')} = 4.0"]
    assert reader.run("return document.querySelectorAll('img, body script').length") == 2
    assert overflowing(reader) == []


def overflowing(reader):
    """Return the texts that are wider than their cell on a card."""
    return reader.run("""
      const wide = [];
      for (const card of document.querySelectorAll(".card")) {
        const frame = card.querySelector(".frame").getBBox();
        const cell = card.querySelector(".cell")?.getBBox();
        const right = cell?.width ?? 0;
        const rooms = {name: frame.width, data: frame.width - right, grad: right};
        for (const kind in rooms) {
          const text = card.querySelector(`.${kind}`);
          if (text && text.getComputedTextLength() > rooms[kind] - 4) wide.push(text.textContent);
        }
      }
      return wide""")


def test_a_network(reader):
    """The loss of a network, 324 Values: each gradient is that of backward(), and all fits."""
    loss = network()
    reader.open(loss, "#398")
    loss.backward()
    shown = reader.column("grad")
    labelled = [v for v in topological_order(loss) if v.label]
    assert len(labelled) > 100
    assert {v.label: shown[v.label] for v in labelled} == {
        v.label: digits(v.grad) for v in labelled
    }
    assert overflowing(reader) == []


def test_the_current_cards_are_in_view(reader):
    """In a graph that is larger than its pane, the pane follows the steps."""
    reader.open(network((4, 4, 1)))
    visible = """
      const [ring, pane] = [".halo.on:not(.node)", "#pane"].map(
        (name) => document.querySelector(name).getBoundingClientRect());
      return ring.left >= pane.left && ring.right <= pane.right && ring.top >= pane.top
        && ring.bottom <= pane.bottom"""
    wide = reader.run(
        "const p = document.querySelector('#pane'); return p.scrollWidth / p.clientWidth"
    )
    assert wide > 2.0
    for at in (100, 20, 130, 60):
        reader.run("location.hash = arguments[0]", f"#{at}")
        reader.wait(lambda at=at: reader.at.startswith(f"backward {at} "))
        assert reader.run(visible)
    for _ in range(20):
        reader.press(keys().ARROW_LEFT)
        assert reader.run(visible)


@pytest.mark.parametrize(("width", "height"), [(390, 800), (360, 640), (768, 1024)])
def test_on_a_phone_the_picture_is_in_view(reader, width, height):
    """Without scrolling, a phone shows the cards of each step, and below them what is said."""
    reader.open(network((4, 4, 1)), "#1", width=width, height=height)
    last = data(reader.browser.page_source)["backward"]
    for at in range(1, len(last), 17):
        reader.run("location.hash = arguments[0]", f"#{at}")
        reader.wait(lambda at=at: reader.at.startswith(f"backward {at} "))
        ring, pane, said = reader.run("""
          return [".halo.on:not(.node)", "#pane", "#said"].map(
            (name) => document.querySelector(name).getBoundingClientRect().toJSON())""")
        assert 0 <= pane["top"] <= ring["top"] < ring["bottom"] <= pane["bottom"] < said["top"]
        assert said["top"] < 0.9 * height
        assert said["height"] <= 0.35 * height + 1


def test_long_names_break_at_their_dots(reader):
    """On a phone a long name goes on in the next line after a dot, and never within a word."""
    x = Value(2.0, label="layers.0.neurons.1.weights.2")
    h = x * 0.5
    h.label = "layers.10.neurons.3.preactivation"
    y = h.tanh()
    y.label = "loss"
    reader.open(y, "#2", width=390)
    ends = reader.run("""
      const ends = [];  // what stands on both sides of each end of a line, within a word
      const walker = document.createTreeWalker(document.querySelector("#equation"), 4);
      let before = "", height = null;
      while (walker.nextNode()) {
        const text = walker.currentNode;
        for (let i = 0; i < text.length; i++) {
          const range = document.createRange();
          range.setStart(text, i);
          range.setEnd(text, i + 1);
          const {bottom, width} = range.getBoundingClientRect();
          if (height !== null && width && bottom > height + 12) ends.push(before + text.data[i]);
          if (width) [before, height] = [text.data[i], bottom];
        }
      }
      return ends""")
    assert len(ends) >= 3
    assert [pair for pair in ends if re.fullmatch(r"\w\w", pair)] == []
    assert any(pair.startswith(".") for pair in ends)
    title = "return document.querySelector('#equation .operand').textContent"
    assert reader.run(title) == x.label


LENS = """
  const lens = document.querySelector("#lens");
  if (getComputedStyle(lens).display === "none") return null;
  return [...lens.querySelectorAll(".card")].map((card) => [".name", ".grad"].map(
    (part) => card.querySelector(part)?.textContent))"""


def test_the_lens(reader):
    """Where the graph is too small to read, the current cards stand above it at full size."""
    reader.open(network((4, 4, 1)), "#60")
    assert reader.run(LENS) is None
    reader.click("fit")
    node, operand, *_, local = reader.run("""
      const step = JSON.parse(document.querySelector("#data").textContent).backward[59];
      return [step[0], step[1], step[3]]""")
    cards = reader.run("""return arguments[0].map((i) => document.querySelector(`#n${i}`)).map(
      (card) => [card.querySelector(".name").textContent,
        card.querySelector(".grad").textContent])""", [operand, node])  # fmt: skip
    assert reader.run(LENS) == cards
    assert reader.run("return document.querySelector('#lens .local').textContent") == local
    sizes = reader.run("""return ["#lens .card .frame", "#graph .card .frame"].map(
      (name) => document.querySelector(name).getBoundingClientRect().height)""")
    assert sizes[0] > 40 > 0.45 * sizes[0] > sizes[1]
    small = "return getComputedStyle(document.querySelector('#graph .name')).visibility"
    assert reader.run(small) == "hidden"
    for link in ("#1", "#30", "#90", "#f5", "#f60"):
        reader.run("location.hash = arguments[0]", link)
        reader.wait(lambda link=link: reader.at.split()[1] == link.strip("#f"))
        apart, inside = reader.run("""
          const [lens, pane] = ["#lens", "#pane"].map(
            (name) => document.querySelector(name).getBoundingClientRect());
          const rings = [...document.querySelectorAll("#graph .halo.on")].map(
            (ring) => ring.getBoundingClientRect());
          return [rings.every((ring) => ring.bottom < lens.top || ring.top > lens.bottom),
            lens.left >= pane.left && lens.right <= pane.right && lens.top >= pane.top
              && lens.bottom <= pane.bottom]""")
        assert apart, link
        assert inside, link
    reader.press(keys().HOME)
    assert reader.run(LENS) is None  # no operation yet
    reader.press(keys().ARROW_RIGHT)
    assert len(reader.run(LENS)) == 3  # both operands and the result
    reader.run("location.hash = '#60'")
    reader.wait(lambda: reader.at.startswith("backward 60 "))
    zoom = "return document.querySelector('#graph').getScreenCTM().a"
    while reader.run(zoom) < 0.7:
        assert len(reader.run(LENS)) == 2
        reader.click("larger")
    assert reader.run(LENS) is None
    assert reader.run(small) == "visible"


def test_the_lens_shows_cards_that_are_far_apart(reader):
    """Where the graph can be read, and both cards of a step have no room, the lens has them."""
    reader.open(network((4, 4, 1)), "#60", width=390)
    for _ in range(6):
        reader.click("larger")
    node, operand = reader.run(LENS)
    wide = reader.run("""return [document.querySelector("#lens"), document.querySelector("#pane")]
      .map((e) => e.getBoundingClientRect().width)""")
    assert node != operand
    assert wide[0] < wide[1]


def test_zoom(reader):
    """The graph grows and shrinks by buttons and by the wheel with ctrl, and fits again."""
    reader.open(network((4, 4, 1)))

    def width():
        return reader.run("return document.querySelector('#graph').getBoundingClientRect().width")

    first = width()
    reader.click("larger")
    assert width() == pytest.approx(1.25 * first, rel=1e-3)
    reader.click("smaller")
    assert width() == pytest.approx(first, rel=1e-3)
    pane = reader.run("return document.querySelector('#pane').clientWidth")
    reader.click("fit")
    assert width() <= pane
    small = width()
    box = reader.find("#pane").rect
    place = {"x": box["x"] + 300, "y": box["y"] + 100}
    wheel = {"type": "mouseWheel", "deltaX": 0, "deltaY": -300, "modifiers": 2, **place}
    reader.browser.execute_cdp_cmd("Input.dispatchMouseEvent", wheel)
    reader.wait(lambda: width() > 2.0 * small)
    assert width() == pytest.approx(math.e * small, rel=1e-3)


def test_drag(reader):
    """The mouse drags a graph that is larger than its pane."""
    from selenium.webdriver import ActionChains

    reader.open(network((4, 4, 1)))
    pane = reader.find("#pane")
    reader.run("document.querySelector('#pane').scrollTo(300, 100)")
    drag = ActionChains(reader.browser, duration=50).move_to_element(pane).click_and_hold()
    drag.move_by_offset(-120, -40).release().perform()
    position = "const p = document.querySelector('#pane'); return [p.scrollLeft, p.scrollTop]"
    assert reader.run(position) == [420, 140]
    drag.move_by_offset(50, 50).perform()
    assert "dragged" not in pane.get_attribute("class")


def test_pinch(reader):
    """Two fingers zoom the graph."""
    reader.open(neuron(), width=400)
    reader.run("document.querySelector('#pane').scrollIntoView()")
    box = reader.run("return document.querySelector('#pane').getBoundingClientRect().toJSON()")
    width = "return document.querySelector('#graph').getBoundingClientRect().width"
    before = reader.run(width)
    for kind, apart in (("touchStart", 50), ("touchMove", 60), ("touchMove", 100)):
        points = [
            {"x": box["x"] + 150 + side * apart, "y": box["y"] + 100, "id": i}
            for i, side in enumerate((-1, 1))
        ]
        reader.browser.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )
    reader.browser.execute_cdp_cmd(
        "Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []}
    )
    assert reader.run(width) == pytest.approx(2.0 * before, rel=1e-3)


@pytest.mark.parametrize("width", [360, 560, 859, 860, 1280])
def test_nothing_overlaps(reader, width):
    """At any width nothing lies on something else, and only the graph scrolls sideways."""
    reader.open(network((4, 4, 1)), "#20", width=width, height=740)
    for link in ("#20", "#f30", "#0"):
        reader.run("location.hash = arguments[0]", link)
        assert reader.run("return document.documentElement.scrollWidth <= innerWidth")
        overlaps = reader.run("""
          const parts = ["#title", "#counts", "#keys", "#theme", "#first", "#previous", "#play",
            "#next", "#last", "#speed", "#slider", "#label", "#said", "#pane", ".foot", "#steps"];
          const boxes = parts.map((part) => [part, document.querySelector(part)
            .getBoundingClientRect()]).filter(([, box]) => box.width);
          const found = [];
          for (const [one, a] of boxes) for (const [other, b] of boxes) {
            if (one < other && a.left < b.right - 1 && b.left < a.right - 1
              && a.top < b.bottom - 1 && b.top < a.bottom - 1) found.push([one, other]);
          }
          return found""")
        assert overlaps == []
        cut = reader.run("""
          const parts = ["header", ".controls", "#said", ".foot", "#steps"];
          const boxes = parts.map((part) => document.querySelector(part));
          return parts.filter((_, i) => boxes[i].scrollWidth > boxes[i].clientWidth)""")
        assert cut == []


CONTRAST = """
  const channels = (colour) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = channels(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found.slice(0, 3);
    }
  };
  const found = [];
  for (const name of arguments[0]) for (const element of document.querySelectorAll(name)) {
    const style = getComputedStyle(element);
    found.push([name, channels(style.color).slice(0, 3), behind(element)]);
  }
  for (const card of document.querySelectorAll(".card")) {
    const face = channels(getComputedStyle(card.querySelector(".face")).fill);
    const parts = [".cell", ".head", ".grad", ".name", ".op", ".data"];
    const [cell, head, grad, name, op, number] = parts.map((part) => card.querySelector(part));
    const over = (part) => {
      const style = getComputedStyle(part), share = Number(style.fillOpacity);
      return channels(style.fill).slice(0, 3).map((c, i) => share * c + (1 - share) * face[i]);
    };
    const ink = (part) => channels(getComputedStyle(part).fill).slice(0, 3);
    if (cell) found.push([grad.textContent, ink(grad), over(cell)]);
    if (head) found.push([name.textContent, ink(name), over(head)], ["op", ink(op), over(head)]);
    found.push(["data", ink(number), face.slice(0, 3)]);
  }
  return found"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_can_be_read(reader, dark):
    """In both themes every text has the contrast of WCAG AA, 4.5, with what is behind it."""
    wide = Value(0.0)
    for i in range(40):  # gradients of all sizes and of both signs
        wide = wide + Value(1.0, label=f"x{i}") * (0.8**i * (-1.0) ** i)
    wide = wide + Value(1e300, label="huge") * 1e300
    reader.open(wide, "#1", dark=dark)
    reader.press(keys().END)
    texts = ["#title", "#counts", "#keys", "kbd", "#theme", "#next", "#play", "#speed", "#label",
             "#equation", "#equation span", "#change", "#formula", "#formula span", "#words",
             ".key span", "#fit", "#steps h2", "#steps b", "#steps span"]  # fmt: skip
    found = reader.run(CONTRAST, texts)
    assert {name for name, _, _ in found} > set(texts)
    assert [row for row in found if contrast(row[1], row[2]) < 4.5] == []


def test_the_theme(reader):
    """The page follows the system's theme until the reader chooses one."""

    def is_dark():
        return reader.run("return getComputedStyle(document.body).backgroundColor") != light

    reader.open(neuron())
    light = reader.run("return getComputedStyle(document.body).backgroundColor")
    reader.media(dark=True)
    reader.wait(is_dark)
    assert reader.find("#theme").get_attribute("aria-label") == "Light colours"
    reader.click("theme")
    assert not is_dark()
    reader.media(dark=False)
    reader.media(dark=True)
    assert not is_dark()


def test_on_paper(reader):
    """Printed, a page is white in either theme: the current step, the graph and all steps."""
    reader.open(neuron(), "#6", dark=True)
    reader.media(dark=True, kind="print")
    assert (
        reader.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    for key in ("first", "play", "slider", "speed", "theme", "fit", "keys"):
        assert not reader.find(f"#{key}").is_displayed()
    for key in ("title", "label", "equation", "words", "graph"):
        assert reader.find(f"#{key}").is_displayed()
    assert (
        reader.run("""const list = document.querySelector("#steps");
      return list.scrollHeight <= list.clientHeight && getComputedStyle(list).overflow""")
        == "visible"
    )
    reader.media()


def test_a_screen_reader_hears_it(reader):
    """Everything has a role and a name, and what a step does is announced."""
    reader.open(neuron(), "#6")
    assert reader.find("#words").get_attribute("aria-live") == "polite"
    tree = reader.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    heard = {}
    for node in tree:
        if not node["ignored"]:
            heard.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value"))
    assert heard["image"] == [
        "The computation graph of o: 10 values, 5 operations, 9 contributions"
    ]
    assert heard["heading"] == ["Backpropagation of o", "Forward", "Backward"]
    assert heard["slider"] == ["step"]
    assert heard["button"][:6] == ["Dark colours", "first", "previous", "play", "next", "last"]
    assert "6x2.grad += 1 × 0.5 = 0.5" in [name.replace(" ", "", 1) for name in heard["button"]]
    assert all(heard["button"])


def test_in_a_frame_of_a_notebook(reader, tmp_path):
    """The inline frame works as the page does, also without an address of its own."""
    made = page(neuron(), tmp_path / "o.html")
    (tmp_path / "notebook.html").write_text(
        f"<!DOCTYPE html>{made._repr_html_()}", encoding="utf-8"
    )
    reader.browser.get((tmp_path / "notebook.html").as_uri())
    reader.browser.switch_to.frame(reader.find("iframe"))
    try:
        reader.click("last")
        assert reader.at == "backward 9 / 9"
        assert reader.column("grad")["x1"] == "-1.5"
        reader.press(keys().HOME)
        assert reader.at == "forward 0 / 5"
    finally:
        reader.browser.switch_to.default_content()


def test_a_leaf_alone(reader):
    """A graph without an operation has a start and a seed."""
    reader.open(Value(3.0, label="x"))
    assert (reader.at, reader.column("data")) == ("forward 0 / 0", {"x": "3"})
    reader.click("last")
    assert (reader.at, reader.column("grad")) == ("backward 0 / 0", {"x": "1"})
    assert reader.text("counts") == "1 value, 0 operations, 0 contributions"


def test_numbers_that_are_not_finite(reader):
    """A gradient that is inf or nan is shown as such, on a ground of its own."""
    x, y = Value(1e200, label="x"), Value(1e200, label="y")
    z = (x * x) * (y * 0.0)
    reader.open(z)
    reader.click("last")
    assert reader.column("grad")["y"] == "nan"
    assert reader.run("return document.querySelectorAll('.cell.odd').length") > 0


def test_constants_have_no_name(reader):
    """A constant shows its number alone, and a gradient only where one reaches it."""
    x = Value(3.0, label="x")
    reader.open((x**2) * 5.0, "#3")
    cells = reader.run("""return [...document.querySelectorAll(".card.input")].map((card) =>
      [".name", ".data", ".grad"].map((part) => card.querySelector(part)?.textContent ?? null))""")
    assert sorted(cells, key=str) == sorted(
        [["x", "3", "grad 30"], [None, "2", None], [None, "5", "grad 9"]], key=str
    )
