"""Pipeline: answers for files and rows, with the bits of the model, and what does not fit."""

import copy
import math
import pickle
import random
from fractions import Fraction

import pytest

from microgradnet import Value, functional, nn
from microgradnet.pipeline import FEW, Pipeline
from microgradnet.tables import Encoding, Frame

PEOPLE = Frame(
    "people.csv",
    ["sex", "age", "alive"],
    [["male", "20", "no"], ["female", "30", "yes"], ["male", "40", "no"], ["female", "6", "yes"]],
)
ENCODING = Encoding.fit(PEOPLE, target="alive")


def rows(count, width, seed=0):
    """Return rows of random numbers."""
    rng = random.Random(seed)
    return [[rng.uniform(-2, 2) for _ in range(width)] for _ in range(count)]


def mlp(nin, nout):
    """Return an MLP of one layer."""
    return nn.MLP(nin, [nout], seed=0)


def test_a_frame_gets_the_answers_of_its_encoded_rows() -> None:
    """predict() encodes the columns by their names, and gives the name of the largest output."""
    model = nn.MLP(2, [3, 3], seed=1)
    pipeline = Pipeline(ENCODING, model, ["a", "b", "c"], "alive")
    swapped = Frame("new.csv", ["age", "more", "sex"], [["20", "?", "male"], ["6", "", "female"]])
    expected = []
    for x in ENCODING.transform(PEOPLE):
        outputs = [v.data for v in model(x)]
        expected.append("abc"[outputs.index(max(outputs))])
    assert pipeline.predict(PEOPLE) == expected
    assert len(set(expected)) > 1
    assert pipeline.predict(swapped) == [expected[0], expected[3]]


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 3 * FEW])
@pytest.mark.parametrize("nouts", [[4, 3], [5, 1], [1]])
def test_outputs_have_the_bits_of_the_model(count, nouts) -> None:
    """Few rows and many, which a compiled program answers, give what the model itself gives."""
    model = nn.MLP(3, nouts, activation="tanh", seed=2)
    pipeline = Pipeline(None, model, ["a", "b", "c"][: max(2, nouts[-1])])
    expected = []
    for x in rows(count, 3):
        outputs = model(x)
        expected.append([v.data for v in outputs] if nouts[-1] > 1 else [outputs.data])
    assert pipeline.outputs(rows(count, 3)) == expected
    assert (pipeline._program is not None) == (count > FEW)


def test_a_program_comes_with_the_rows_of_many_calls() -> None:
    """Rows asked for one by one are counted: many calls are compiled for too."""
    pipeline = Pipeline(None, nn.MLP(2, [2], seed=0), ["a", "b"])
    answers = [pipeline.predict([row])[0] for row in rows(3 * FEW, 2)]
    assert pipeline._program is not None
    assert answers == Pipeline(None, pipeline.model, ["a", "b"]).predict(rows(3 * FEW, 2))


def test_a_program_sees_what_training_changes() -> None:
    """Parameters that change after the first answers change the next ones."""
    pipeline = Pipeline(None, nn.MLP(1, [1], seed=0))
    pipeline.predict(rows(2 * FEW, 1))
    weight, bias = pipeline.parameters()
    weight.data, bias.data = 2.0, 1.0
    assert pipeline.predict([[3.0], [-1.0]]) == [7.0, -1.0]


@pytest.mark.parametrize("count", [2, 3 * FEW])
def test_probabilities_are_the_softmax_of_the_outputs(count) -> None:
    """Each row's probabilities are functional.softmax of its outputs, to the bit."""
    pipeline = Pipeline(None, nn.MLP(2, [4, 3], seed=3), ["a", "b", "c"])
    found = pipeline.probabilities(rows(count, 2))
    assert found == [functional.softmax(x) for x in pipeline.outputs(rows(count, 2))]
    assert all(sum(row) == pytest.approx(1.0, abs=1e-15) for row in found)  # three roundings
    names = pipeline.predict(rows(count, 2))
    assert names == ["abc"[row.index(max(row))] for row in found]


def test_one_logit_tells_two_classes_apart() -> None:
    """The second class has the probability sigmoid(logit), and is predicted above 0."""
    model = nn.MLP(1, [1], seed=0)
    weight, bias = model.parameters()
    weight.data, bias.data = 1.0, 0.0
    pipeline = Pipeline(None, model, ["no", "yes"])
    assert pipeline.predict([[-3.0], [0.0], [3.0]]) == ["no", "no", "yes"]
    one = functional.sigmoid(3.0)
    assert pipeline.probabilities([[3.0], [0.0]]) == [[functional.sigmoid(-3.0), one], [0.5, 0.5]]
    assert pipeline.probabilities([[-800.0]]) == [[1.0, 0.0]]


def test_a_number_is_scaled_back() -> None:
    """Without classes the answer is output * deviation + mean."""
    model = nn.MLP(1, [1], seed=0)
    weight, bias = model.parameters()
    weight.data, bias.data = 1.0, 0.25
    pipeline = Pipeline(None, model, target="price", scale=(100.0, 8.0))
    assert pipeline.predict([[0.5], [-1.0]]) == [106.0, 94.0]
    assert pipeline.outputs([[0.5]]) == [[0.75]]
    with pytest.raises(ValueError, match=r"takes classes.*'price'.*; use predict\(\)"):
        pipeline.probabilities([[0.5]])


def test_called_it_is_the_model() -> None:
    """pipeline(x) gives Values, through which gradients flow."""
    pipeline = Pipeline(None, nn.MLP(2, [3, 1], seed=0), ["a", "b"])
    output = pipeline([Value(1.0), 2.0])
    output.backward()
    assert output.data == pipeline.model([1.0, 2.0]).data
    assert any(p.grad for p in pipeline.parameters())
    assert next(iter(pipeline.state_dict())) == "model.layers.0.neurons.0.w.0"


def test_masks_are_the_models() -> None:
    """Called with masks it is the model with dropout, as fit trains it; answers are without."""
    model = nn.MLP(2, [3, 2], seed=0, dropout=0.5)
    pipeline = Pipeline(None, model, ["a", "b"])
    masks = pipeline.masks(random.Random(0))
    assert masks == model.masks(random.Random(0))
    found = [[v.data for v in pipeline([1.0, 2.0], masks)], *pipeline.outputs([[1.0, 2.0]])]
    assert found == [
        [v.data for v in model([1.0, 2.0], masks)],
        [v.data for v in model([1.0, 2.0])],
    ]
    assert found[0] != found[1]


def test_no_rows_have_no_answers() -> None:
    """Nothing asked, nothing answered."""
    assert Pipeline(None, nn.MLP(2, [2], seed=0), ["a", "b"]).predict([]) == []
    assert Pipeline(None, nn.MLP(2, [1], seed=0)).outputs([]) == []
    empty = Frame("empty.csv", PEOPLE.names, [])
    assert Pipeline(ENCODING, nn.MLP(2, [1], seed=0)).predict(empty) == []


def test_any_real_number_is_an_input() -> None:
    """Ints, bools, fractions and tuples give the bits of the floats they are, compiled too."""
    model = nn.MLP(2, [1], seed=4)
    mixed = [(1, Fraction(1, 4)), [True, 2.5]] * FEW
    assert Pipeline(None, model).predict(mixed) == Pipeline(None, model).predict(
        [[1.0, 0.25], [1.0, 2.5]] * FEW
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_answers_alike_and_is_separate(copied) -> None:
    """A copied pipeline, also of one with a program, has parameters and a program of its own."""
    pipeline = Pipeline(ENCODING, nn.MLP(2, [3, 2], seed=5), ["no", "yes"], "alive")
    many = Frame("many.csv", PEOPLE.names, PEOPLE.rows * FEW)
    expected = pipeline.outputs(many)
    twin = copied(pipeline)
    for p in pipeline.parameters():
        p.data = 0.0
    assert twin.outputs(many) == expected != pipeline.outputs(many)


def test_print_says_what_it_is_for() -> None:
    """repr() and print() name the model, the target and the classes."""
    pipeline = Pipeline(ENCODING, nn.MLP(2, [2], seed=0), ["no", "yes"], "alive")
    model = "MLP(2, [2], activation='relu', output='linear')"
    text = f"Pipeline({model}, target='alive', classes=['no', 'yes'])"
    assert repr(pipeline) == text
    assert str(pipeline) == f"{text}: 6 parameters\n  model  {model}: 6 parameters"
    assert repr(Pipeline(None, mlp(1, 1), target="y")).endswith(", target='y')")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((mlp(2, 1), None), TypeError, "an Encoding or None, then an nn.MLP, not MLP.* None"),
        ((None, nn.Layer(2, 2, seed=0)), TypeError, "an nn.MLP, not None and Layer"),
        ((PEOPLE, mlp(2, 1)), TypeError, "an Encoding or None.*people.csv"),
        ((None, mlp(2, 2)), ValueError, "1 output without classes.*name them"),
        ((None, mlp(2, 2), ["a", "b", "c"]), ValueError, "each of .*'c'., not 2; make it for 3"),
        ((None, mlp(2, 1), ["a", "b", "c"]), ValueError, "each of .*'c'., not 1"),
        ((None, mlp(2, 3), ["a", "b"]), ValueError, "each of .*'b'., not 3"),
        ((None, mlp(2, 1), ["a"]), ValueError, "different names, 2 or more, not .'a'."),
        ((None, mlp(2, 2), ["a", "a"]), ValueError, "different names"),
        ((None, mlp(2, 2), "ab"), ValueError, "different names, 2 or more, not 'ab'"),
        ((None, mlp(2, 2), [0, 1]), ValueError, "different names"),
        ((None, mlp(2, 2), []), ValueError, "different names"),
        ((ENCODING, mlp(3, 1)), ValueError, "the 2 inputs of the encoding.*'sex=female', 'age'"),
        ((None, mlp(2, 1), None, ""), ValueError, "target takes the name of a column, not ''"),
        ((None, mlp(2, 1), None, 3), ValueError, "target takes the name of a column, not 3"),
        ((None, mlp(2, 1), None, "y", (0.0, 0.0)), ValueError, "a deviation above 0"),
        ((None, mlp(2, 1), None, "y", (0.0, math.inf)), ValueError, "a deviation above 0"),
        ((None, mlp(2, 1), None, "y", (math.nan, 1.0)), ValueError, "a mean and a deviation"),
        ((None, mlp(2, 1), None, "y", (1.0,)), ValueError, "a mean and a deviation"),
        ((None, mlp(2, 2), ["a", "b"], "y", (0.0, 2.0)), ValueError, "not .* of classes"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(arguments, error, message) -> None:
    """Encoding, model, classes and scale must fit each other, and the error says what does not."""
    with pytest.raises(error, match=message):
        Pipeline(*arguments)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ([[1.0, 2.0], [1.0]], ValueError, "row 1 takes 2 numbers, not 1: .1.0.; give the columns"),
        ([[1.0, 2.0, 3.0]], ValueError, "row 0 takes 2 numbers, not 3"),
        ([[1.0, "2.0"]], TypeError, "row 0 takes 2 numbers, not .1.0, '2.0'.; give rows such as"),
        ([1.0, 2.0], TypeError, "row 0 takes 2 numbers, not 1.0"),
        ([["a", "b"]], TypeError, "row 0 takes 2 numbers, not .'a', 'b'."),
        ([[1.0, None]], TypeError, "row 0"),
        (PEOPLE, TypeError, "takes rows of numbers, not <'people.csv'.*fit an Encoding"),
    ],
)
@pytest.mark.parametrize("before", [0, 2 * FEW])
def test_rows_that_do_not_fit_are_refused(asked, error, message, before) -> None:
    """A row of another width, or of text, is an error that names the row, compiled or not."""
    pipeline = Pipeline(None, nn.MLP(2, [1], seed=0))
    pipeline.predict(rows(before, 2))
    with pytest.raises(error, match=message):
        pipeline.predict(asked)


def test_an_encoding_takes_a_frame_alone() -> None:
    """Rows of numbers have no names: whether they are encoded already, nobody can tell."""
    pipeline = Pipeline(ENCODING, nn.MLP(2, [1], seed=0))
    with pytest.raises(TypeError, match=r"takes a Frame, not \[\[1.0, 20.0\]\]; use read_frame"):
        pipeline.predict([[1.0, 20.0]])
    with pytest.raises(ValueError, match=r"people.csv', line 2, column 'sex'.*'other'"):
        pipeline.predict(Frame("people.csv", ["sex", "age"], [["other", "20"]]))


@pytest.mark.parametrize("count", [3, 2 * FEW])
@pytest.mark.parametrize("ask", [Pipeline.predict, Pipeline.probabilities])
def test_an_answer_is_never_made_of_nan(ask, count) -> None:
    """Outputs that are not finite are an error that names the row, not the first class."""
    pipeline = Pipeline(None, nn.MLP(2, [2], seed=0), ["a", "b"])
    asked = rows(count, 2)
    asked[1][0] = math.nan
    with pytest.raises(
        ValueError, match=r"row 1 takes an answer of finite outputs, not \[nan, nan"
    ):
        ask(pipeline, asked)
