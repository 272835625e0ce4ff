"""The notebook runs from top to bottom, and shows its pictures and its page."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebook runs where nbclient is installed")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).parent.parent / "demos" / "18_stepping.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Return the executed code cells: their source and what they put out."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    assert (folder / "steps.html").is_file()
    return [(cell.source, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells, source, kind):
    """Return what the cells with a text in their source show, in one kind of data."""
    outputs = [output for text, found in cells if source in text for output in found]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_a_drawing_is_shown_as_a_picture(cells) -> None:
    """Each draw() is an SVG in the output, with the names of the variables."""
    pictures = shown(cells, "draw(", "image/svg+xml")
    assert len(pictures) == 3
    assert all(picture.lstrip().startswith("<?xml") for picture in pictures)
    assert "x1w1" in pictures[0]
    assert "grad 0.5" in pictures[1]


def test_a_page_is_shown_in_place(cells) -> None:
    """page() puts a frame with the whole page into the notebook."""
    (frame,) = shown(cells, "page(o", "text/html")
    assert "<iframe" in frame
    assert "x1w1" in frame


def test_explanations_are_shown_as_text(cells) -> None:
    """explain(), what_if() and anomaly() show themselves at the end of a cell."""
    (text,) = shown(cells, "explain(o, x2", "text/plain")
    assert text.startswith("d(o)/d(x2) = 0.499999999999999")
    assert "the gradient predicts" in shown(cells, "what_if(o, w1, 0.01", "text/plain")[0]
    assert "q * 10.0" in shown(cells, "anomaly(bad", "text/plain")[0]


def test_the_notebook_is_kept_without_outputs() -> None:
    """What it shows is made when it runs, so that it cannot be out of date."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
