"""Tables are those of the files that the command line writes, whoever reads them."""

import ast
import inspect
import pathlib

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from conftest import SAMPLE

import keytrail


def stored(folder, name):
    """A table as pyarrow reads it from the report."""
    if name != "events":
        return pyarrow.parquet.ParquetFile(folder / f"{name}.parquet").read()
    days = sorted((folder / "events").iterdir())
    return pyarrow.concat_tables(pyarrow.parquet.ParquetFile(day / "events.parquet").read() for day in days)


@pytest.mark.parametrize("name", keytrail.TABLES)
def test_every_table_is_that_of_the_file(report, folder, name):
    table = getattr(report, name)
    expected = stored(folder, name)
    found = pyarrow.table(table)
    assert found.schema.equals(expected.schema.remove_metadata())
    assert [field.nullable for field in found.schema] == [field.nullable for field in expected.schema]
    assert found.equals(expected.replace_schema_metadata())
    assert polars.DataFrame(table).equals(polars.from_arrow(expected))
    pandas.testing.assert_frame_equal(table.to_pandas(), expected.to_pandas())
    by_duckdb = table
    for one, other in (("by_duckdb", "expected"), ("expected", "by_duckdb")):
        assert duckdb.sql(f"select count(*) from (from {one} except all from {other})").fetchall() == [(0,)]
    assert duckdb.sql("select count(*) from by_duckdb").fetchall() == [(expected.num_rows,)]
    assert table.to_polars().height == expected.num_rows
    opened = keytrail.Report.open(folder)
    assert pyarrow.table(getattr(opened, name)).equals(found)


def test_the_tables_are_those_of_a_report(report, folder):
    files = {path.stem for path in folder.glob("*.parquet")} | {"events"}
    assert set(keytrail.TABLES) == files
    assert report.usage.name == "usage" and repr(report.usage) == "<keytrail.Table: usage>"
    with pytest.raises(AttributeError):
        report.nonsense


def test_the_stub_has_what_the_module_has():
    text = pathlib.Path(keytrail.__file__).with_suffix(".pyi").read_text()
    stub = {node.name: node for node in ast.parse(text).body if hasattr(node, "name")}
    names = {name for name in keytrail.__all__ if name not in ("TABLES", "__version__")}
    assert set(stub) == names
    methods = {node.name for node in stub["Report"].body if isinstance(node, ast.FunctionDef)}
    public = {name for name in dir(keytrail.Report) if not name.startswith("_")} | {"_repr_html_"}
    assert methods == public
    functions = [("analyze", keytrail.analyze), ("events", keytrail.events), ("open", keytrail.Report.open)]
    for name, function in functions:
        nodes = stub["Report"].body if name == "open" else stub.values()
        node = next(node for node in nodes if getattr(node, "name", "") == name)
        parameters = inspect.signature(function).parameters.values()
        arguments = [argument.arg for argument in node.args.args + node.args.kwonlyargs]
        assert [argument for argument in arguments if argument != "cls"] == [p.name for p in parameters]
        defaults = [ast.literal_eval(value) for value in node.args.kw_defaults]
        assert defaults == [p.default for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in ("Table", "RecordBatch", "RecordBatchReader"):
        members = {node.name for node in stub[name].body if isinstance(node, ast.FunctionDef)}
        assert members <= set(dir(getattr(keytrail, name)))


def test_a_table_outlives_its_report():
    usage = keytrail.analyze(SAMPLE).usage
    assert pyarrow.table(usage).num_rows > 10
    stream = pyarrow.RecordBatchReader.from_stream(keytrail.analyze(SAMPLE).events)
    assert stream.read_all().num_rows == 74


def test_what_a_report_says_of_itself(report, folder):
    assert report.counts["selected"] == 74 and report.counts["records"] == 2453
    classes = {name: n for name, n in report.counts.items() if name not in ("records", "conflicts", "corrected")}
    assert sum(classes.values()) == 2453
    assert {"id", "text"} <= set(report.caveats[0])
    assert report.run["schema_version"] == keytrail.Report.open(folder).run["schema_version"]
    assert report.path is None and "temporary" in repr(report)
    assert keytrail.Report.open(folder).path == str(folder)
    page = report.html()
    assert page.startswith("<!") and "</html>" in page and report.html(lang="ja") != page
    assert (folder / "report.html").read_text().split("<body")[0] == page.split("<body")[0]


def test_a_notebook_shows_a_summary(report):
    html = report._repr_html_()
    assert "2,453" in html and "selected" in html and "<script" not in html
    report = keytrail.analyze(SAMPLE)
    report._run = {"totals": {"selected": 0, "<b>": 1}, "caveats": [{"id": "x", "text": "<img>"}]}
    assert "<img>" not in report._repr_html_() and "<b>" not in report._repr_html_()
