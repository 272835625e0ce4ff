"""From a catalogue of data sets to a submission file for Kaggle: who survived the Titanic?

    python demos/14_kaggle.py [--check answers.py]

system: Datasets.co, a site for sharing data, and Kaggle's competition on the Titanic
takes: 5 s

A site for data shows what it has: a list, and a page for each set. A competition gives two files,
one with the answers and one without, and takes a third: the answers to the second. All of it is
done here from end to end, first in Python and then from the command line.

ends with: all 29 figures reached
"""

import contextlib
import csv
import io
import math
import statistics
import textwrap

from microgradnet import data, fit, losses, nn, optim
from microgradnet.cli import main as microgradnet
from microgradnet.data import Encoding, Frame
from microgradnet.figures import curves, loss_curves
from microgradnet.functional import sigmoid
from microgradnet.lessons import run
from microgradnet.pipeline import Pipeline
from microgradnet.training import accuracy, majority


# %% 1. A site for sharing data sets: the list, and a page for each
def page(name):
    """Return the page of a data set: what it is, whose it is, and its first rows."""
    entry = data.dataset(name)
    frame = data.read_frame(data.path(name))
    lines = [f"{entry.name}: {entry.description}"]
    lines += [f"  {what:<11}{text}" for what, text in (
        ("rows", f"{entry.rows:,}"), ("to predict", entry.target),
        ("source", entry.source), ("licence", entry.licence),
    )]  # fmt: skip
    lines += ["  first rows", *("    " + ",".join(row) for row in [frame.names, *frame.rows[:5]])]
    return "\n".join(lines)


def browse(lesson):
    """Show the list and a page, and see that they tell the truth."""
    print("The data sets at hand (python -m microgradnet data lists them too)")
    print(f"  {'name':<16}{'rows':>6}{'columns':>9}  licence")
    for entry in data.catalogue():
        licence = textwrap.shorten(entry.licence, 45, placeholder=" ...")
        print(f"  {entry.name:<16}{entry.rows:>6,}{entry.columns:>9}  {licence}")
    print("\nThe page of one (or: python -m microgradnet data titanic)")
    lesson.say(page("titanic"))

    lesson.part("The catalogue")
    tables = [entry for entry in data.catalogue() if entry.target]
    frames = [data.read_frame(data.path(entry.name)) for entry in tables]
    lesson.claim(
        f"each of the {len(tables)} tables has as many rows and columns as it says, and its target",
        all(
            (entry.rows, entry.columns) == (len(frame), len(frame.names))
            and entry.target in frame.names
            for entry, frame in zip(tables, frames, strict=True)
        ),
    )
    every = all(entry.licence and entry.source for entry in data.catalogue())
    lesson.claim("each set says where it comes from, and under which licence", every)


# %% 2. The competition: 891 passengers with the answer, 418 without
NAMES = ["PassengerId", "Survived", "Sex", "Age", "Class"]  # the first two are Kaggle's
HEADER = ["PassengerId", "Survived"]
TRAIN, TEST = 891, 418

_titanic = data.read_frame(data.path("titanic"))
ALL = Frame("titanic.csv", NAMES, _titanic.rows)
ORDER = data.permutation(len(ALL), 0)  # Kaggle's own division is not at hand
KNOWN, HELD_BACK = ALL.take(ORDER[:TRAIN]), ALL.take(ORDER[TRAIN:])


def without_answers(frame):
    """Return the frame as a competition gives it to predict."""
    kept = [name for name in frame.names if name != "Survived"]
    columns = [frame.column(name) for name in kept]
    return Frame("test.csv", kept, [list(row) for row in zip(*columns, strict=True)])


ASKED = without_answers(HELD_BACK)


def score(answers, frame=HELD_BACK):
    """Return the share of the passengers whose answer, "0" or "1", is right."""
    pairs = zip(answers, frame.column("Survived"), strict=True)
    return sum(answer == survived for answer, survived in pairs) / len(frame)


def all_die(frame):
    """Predict that nobody survives."""
    return ["0"] * len(frame)


def women_survive(frame):
    """Predict by the rule of the lifeboats: women first."""
    return [str(int(sex == "female")) for sex in frame.column("Sex")]


def look(lesson):
    """Count, and score the two rules that need no training."""
    lesson.part("The competition")
    lesson.figure("passengers to learn from", TRAIN, len(KNOWN))
    lesson.figure("passengers to predict", TEST, len(ASKED))
    ages = [float(age) for age in ALL.column("Age") if age not in ("", "NA")]
    lesson.part("All passengers, and rules that need no training", column="expected")
    lesson.figure("passengers", 1309, len(ALL))
    lesson.figure("survived", 500, ALL.column("Survived").count("1"))
    lesson.figure("ages that are missing", 263, len(ALL) - len(ages))
    lesson.figure("the median of the others", 28.0, statistics.median(ages), 1e-9)
    lesson.figure("right: all die, the majority", "0.61803", score(all_die(ALL), ALL))
    lesson.claim(
        "that is what microgradnet.training.majority gives",
        majority(ALL.column("Survived")) == score(all_die(ALL), ALL),
    )
    lesson.figure("right: women survive", "0.779985", score(women_survive(ALL), ALL))
    lesson.figure("  of the 418 to predict", "0.763158", score(women_survive(HELD_BACK)))


# %% 3. Logistic regression: 2,000 steps of gradient descent, all passengers in each
WEIGHTS = {"bias": "-2.415", "female": "2.599", "age": "-0.411", "1st": "2.239", "2nd": "0.993"}
STEPS, RATE = 2000, 1.0


def encode(frame):
    """Return what makes inputs of a frame's columns: Sex=female, Age, and three for the Class."""
    return Encoding.fit(frame, "Survived", drop=["PassengerId"], missing="fill")


def rows_of(encoding, frame):
    """Return (inputs, 0 or 1) for each passenger.

    The third class is left out: it is what remains where both others are 0.
    """
    targets = map(int, frame.column("Survived"))
    return [(x[:-1], y) for x, y in zip(encoding.transform(frame), targets, strict=True)]


def regression(lesson, rows):
    """Return a neuron that is trained from 0."""
    neuron = nn.MLP(len(rows[0][0]), [1])
    for p in neuron.parameters():
        p.data = 0.0
    descent = optim.SGD(neuron.parameters(), RATE)
    for _ in lesson.progress(range(STEPS // 100), "hundred steps"):
        fit(neuron, losses.binary_cross_entropy, rows, descent, 100, metrics=[], shuffle=False)
    return neuron


def chances(neuron, age, female, group):
    """Return the probabilities to survive by years of age, of women or men in a class."""
    place = [float(group == "1st"), float(group == "2nd")]
    inputs = ([female, (years - age.mean) / age.deviation, *place] for years in range(81))
    return [sigmoid(neuron(x).data) for x in inputs]


def regress(lesson):
    """Train, and compare the weights and what they predict."""
    encoding = encode(ALL)
    known, held_back = rows_of(encoding, KNOWN), rows_of(encoding, HELD_BACK)
    neuron = regression(lesson, known)
    last = neuron.layers[0].neurons[0]
    test = accuracy(neuron, held_back)
    lesson.part("Logistic regression on sex, age and class", column="expected")
    for (name, expected), p in zip(WEIGHTS.items(), [last.b, *last.w], strict=True):
        lesson.figure(name, expected, p.data)
    lesson.figure("right among the 891", "0.797980", accuracy(neuron, known))
    lesson.figure("right among the 418", "0.760766", test)
    female, age = last.w[0].data, encoding.columns[1]
    lesson.say(
        f"  A weight is a factor of the odds: a woman's are exp({female:.3f}) = "
        f"{math.exp(female):.1f} times those of a man of her age and class."
    )
    lesson.say(
        "  The ages are filled and scaled by all 1,309 here, as for the expected figures: a look "
        "at what is held back. The network below does without."
    )
    lesson.claim(
        "with its five weights it is right about one of the 418 fewer than the women's rule",
        round(TEST * (score(women_survive(HELD_BACK)) - test)) == 1,
    )
    groups = [(who, group) for group in ("1st", "2nd", "3rd") for who in ("women", "men")]
    lesson.picture("chances", lambda: curves(
        {f"{who}, {group}": (range(81), chances(neuron, age, float(who == "women"), group))
         for who, group in groups},
        "Logistic regression: who survives", "age in years", "probability",
    ))  # fmt: skip


# %% 4. A network, and what it may know: the encoding is fitted on the 891 alone
def network(lesson):
    """Return the pipeline of a network that is stopped where its validation loss is lowest."""
    encoding = encode(KNOWN)
    inputs = encoding.transform(KNOWN)
    rows = list(zip(inputs, map(int, KNOWN.column("Survived")), strict=True))
    model = nn.MLP(len(encoding.inputs), [8, 1], init="he", seed=0)
    history = fit(
        model, losses.binary_cross_entropy, rows, optim.Adam(model.parameters(), lr=0.01), 60, 16,
        validation=0.2, early_stopping=15, progress="lines",
    )  # fmt: skip
    if history.stopped:
        print(f"stopped: {history.stopped}; epoch {history.best.number} was best")
    lesson.picture("network", lambda: loss_curves(history))
    return Pipeline(encoding, model, ["0", "1"], "Survived")


# %% 5. The submission: written, read back, and scored as the site does
def submission(frame, answers):
    """Return the text of the file that Kaggle takes: a line for each passenger."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    lines.writerows(zip(frame.column("PassengerId"), answers, strict=True))
    return text.getvalue()


def judged(path):
    """Return the score of a submission, or raise ValueError where it is not what is asked for."""
    frame = data.read_frame(path)
    if frame.names != HEADER:
        raise ValueError(f"a submission has the header {','.join(HEADER)}, not {frame.names}")
    if frame.column("PassengerId") != ASKED.column("PassengerId"):
        raise ValueError(f"a submission has the {len(ASKED)} passengers of test.csv, each once")
    if wrong := set(frame.column("Survived")) - {"0", "1"}:
        raise ValueError(f"an answer is 0 or 1, not {min(wrong)!r}")
    return score(frame.column("Survived"))


def submit(lesson):
    """Write the network's answers, and see where they stand."""
    print("\nA network of 5 inputs, 8 units and 1 output")
    pipeline = network(lesson)
    path = lesson.folder / "submission.csv"
    lesson.picture(path.name, lambda: submission(ASKED, pipeline.predict(ASKED)))
    lines = path.read_text(encoding="utf-8").splitlines()
    lesson.part("submission.csv, read back")
    for line in lines[:4]:
        print(f"  {line}")
    lesson.claim("its first line is PassengerId,Survived", lines[0] == "PassengerId,Survived")
    lesson.figure("lines after it", TEST, len(lines) - 1)
    result = judged(path)
    lesson.claim(
        "what is read back has the network's score", result == score(pipeline.predict(ASKED))
    )

    board = {"the network": result, "women survive": score(women_survive(HELD_BACK)),
             "all die": score(all_die(HELD_BACK))}  # fmt: skip
    print("\n  the board of the 418   right")
    for name, share in sorted(board.items(), key=lambda entry: -entry[1]):
        print(f"  {name:<22} {share:.4f}  {'#' * round(50 * share)}")
    lesson.claim("the network is right about 0.74 of them or more", result >= 0.74)
    lesson.claim("and about more than the women's rule", result > board["women survive"])
    error = math.sqrt(result * (1 - result) / TEST)
    ahead = result - board["women survive"]
    lesson.claim(
        f"but {round(TEST * ahead)} passengers more are less than the standard error of such a "
        f"score, {error:.3f}: on other 418 it may be the other way",
        ahead < error,
    )
    lesson.claim(
        f"on the 891, where the women's rule has {score(women_survive(KNOWN), KNOWN):.3f}, it has "
        f"{score(pipeline.predict(KNOWN), KNOWN):.3f}",
        score(pipeline.predict(KNOWN), KNOWN) > score(women_survive(KNOWN), KNOWN),
    )


# %% 6. The same from the command line
COMMANDS = [
    "train train.csv --target Survived --drop PassengerId --fill --hidden 8 --epochs 30 "
    "--save model.json",
    "evaluate model.json train.csv",
    "predict model.json test.csv --id PassengerId -o submission.csv",
]


def command(words):
    """Run a command as a terminal does; return its exit status, and the lines that it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = microgradnet(words.split())
    return status, printed.getvalue().splitlines()


def command_line(lesson):
    """Give the two files to the commands, and judge what they hand in."""
    folder = lesson.folder / "command_line"
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("train.csv", KNOWN), ("test.csv", ASKED)):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([frame.names, *frame.rows])
    lesson.part("The same from the command line, with train.csv and test.csv as on Kaggle")
    statuses = []
    with contextlib.chdir(folder):
        for words in COMMANDS:
            print()
            lesson.say(f"$ python -m microgradnet {words}")
            status, lines = command(words)
            statuses.append(status)
            scores = [k for k, line in enumerate(lines) if line.startswith("accuracy  ")]
            shown = lines[scores[0] : scores[0] + 3] if scores else lines
            print("\n".join(shown))
    print()
    lesson.claim("every command ends well", statuses == [0] * len(COMMANDS))
    result = judged(folder / "submission.csv")
    lesson.claim(f"its submission is valid, and right about {result:.4f}", result >= 0.74)


# %% Exercises
def check_rule(rule):
    """rule(sex, age, group): 1 if you think that this passenger survived, else 0, from "female" or
    "male", the age in years or None, and "1st", "2nd" or "3rd"; better on the 891 than the rule
    that women survive."""
    columns = [KNOWN.column(name) for name in ("Sex", "Age", "Class")]
    answers = []
    for sex, age, group in zip(*columns, strict=True):
        answers.append(str(int(rule(sex, None if age in ("", "NA") else float(age), group))))
    found, least = score(answers, KNOWN), score(women_survive(KNOWN), KNOWN)
    if found > least:
        return None
    return f"it is right about {found:.4f}, and women_survive about {least:.4f}; and the children?"


def check_chance(chance):
    """chance(female, age, group): the probability that the logistic regression of section 3 gives,
    with its printed weights; female is 1 or 0, age is standardised, group is "1st", "2nd" or
    "3rd"."""
    bias, female, age, first, second = map(float, WEIGHTS.values())
    for passenger in ((1, 0.0, "1st"), (0, 1.5, "3rd"), (0, -1.0, "2nd")):
        woman, years, group = passenger
        z = bias + female * woman + age * years + first * (group == "1st")
        right = sigmoid(z + second * (group == "2nd"))
        found = chance(*passenger)
        if abs(found - right) > 1e-6:
            return f"of {passenger} it is {right:.4f}, not {found}; the sigmoid of a weighted sum"
    return None


def check_file(file):
    """file(ids, answers): the text of a submission, from two lists of text."""
    frame = Frame("few.csv", ["PassengerId"], [["892"], ["893"], ["900"]])
    found, right = file(["892", "893", "900"], ["0", "1", "1"]), submission(frame, ["0", "1", "1"])
    if found == right:
        return None
    return f"it begins with {right[:26]!r} and ends with a line break; yours is {found!r}"


# %% All of it
def main(lesson):
    """Go from the catalogue to the file that is handed in, twice."""
    browse(lesson)
    look(lesson)
    regress(lesson)
    submit(lesson)
    command_line(lesson)


if __name__ == "__main__":
    run(main, [check_rule, check_chance, check_file])
