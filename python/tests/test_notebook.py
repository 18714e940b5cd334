"""The notebook and the two lines of README.md run, and show pictures."""

import re

import nbclient
import nbformat
from conftest import ROOT


def execute(notebook):
    """Runs it in the root of the repository and counts its pictures."""
    resources = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs), outputs


def test_the_notebook_answers_ten_questions():
    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", 4)
    nbformat.validate(notebook)
    headings = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert [heading.split(".")[0] for heading in headings[1:]] == [f"## {n}" for n in range(1, 11)]
    pictures, outputs = execute(notebook)
    assert pictures == 8
    assert not [output for output in outputs if output.output_type == "error"]


def test_the_examples_of_the_readme_run():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "python" / "README.md").read_text(), re.S)
    assert len(blocks) == 5 and blocks[0].count("\n") == 2
    pictures, outputs = execute(nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, blocks)]))
    assert pictures == 1
    assert not [output for output in outputs if output.output_type == "error"]
