"""A report made in parts, by several processes, is the report of one."""

import collections
import multiprocessing
import random

import pyarrow
import pytest
from conftest import ROOT, SAMPLE

import keytrail
import keytrail.spark

DATA = ROOT / "tests" / "data"
#: Sound archives, and every damaged, wrapped or odd input that the repository has.
INPUTS = {
    "sample": [SAMPLE],
    "odd": [DATA / "damaged", DATA / "containers", DATA / "shapes", DATA / "envelopes", DATA / "ocsf"],
}


def tables(report):
    """Every table as sorted rows."""
    found = {}
    for name in keytrail.TABLES:
        rows = pyarrow.table(getattr(report, name)).to_pylist()
        found[name] = sorted(map(repr, rows))
    return found


def assert_equal(one, other):
    for name, rows in tables(one).items():
        assert rows == tables(other)[name], name
    for member in ("totals", "inputs", "coverage", "caveats", "options", "integrity", "grants", "findings"):
        assert one.run.get(member) == other.run.get(member), member


def scan(listed):
    return list(keytrail.scan(None, listed, progress=False))


def in_parts(inputs, parts, output=None, **options):
    """The report, scanned by other processes in any order."""
    listed = [entry.text for entry in keytrail.list_inputs(inputs, output, **options)]
    size = -(-len(listed) // parts)
    pieces = [listed[start : start + size] for start in range(0, len(listed), size)]
    order = list(range(len(pieces)))
    random.Random(parts).shuffle(order)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        scanned = dict(zip(order, pool.map(scan, [pieces[at] for at in order], chunksize=1)))
    facts = (piece for at in sorted(scanned) for piece in scanned[at])
    return keytrail.resolve(facts, inputs, output, **options)


@pytest.mark.filterwarnings("ignore::keytrail.PartialReadWarning")
@pytest.mark.parametrize("parts", [1, 3, 8, 64])
@pytest.mark.parametrize("name", INPUTS)
def test_any_number_of_parts_makes_the_same_report(name, parts):
    assert_equal(in_parts(INPUTS[name], parts), keytrail.analyze(INPUTS[name]))


@pytest.mark.parametrize(
    "options",
    [
        {"workload": "any", "event": "any"},
        {"since": "2023-03-22"},
        {"no_learn": True},
        {"keep_duplicates": True, "hash": True},
        {"account": "111122223333"},
    ],
)
def test_options_decide_when_facts_are_resolved(options):
    assert_equal(in_parts(SAMPLE, 3, **options), keytrail.analyze(SAMPLE, **options))


def test_facts_are_read_by_pyarrow():
    pieces = list(keytrail.scan(SAMPLE))
    batches = [pyarrow.ipc.open_stream(piece).read_all() for piece in pieces]
    assert sum(table.num_rows for table in batches) > 0
    assert batches[0].column_names == ["uri", "events", "learned", "rejects", "summary"]


def test_an_error_of_the_facts_leaves_no_report(tmp_path):
    def facts():
        yield from keytrail.scan(SAMPLE)
        raise RuntimeError("the network is down")

    output = tmp_path / "report"
    with pytest.raises(RuntimeError, match="the network is down"):
        keytrail.resolve(facts(), SAMPLE, output)
    assert not output.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("facts", [[b""], [b"no facts"], [next(keytrail.scan(SAMPLE))[:-400]]])
def test_facts_that_are_none_are_refused(tmp_path, facts):
    with pytest.raises(keytrail.KeytrailError, match="scanned elsewhere is not sound"):
        keytrail.resolve(facts, SAMPLE, tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


def test_wrong_values_are_refused(tmp_path):
    with pytest.raises(TypeError, match="incremental"):
        keytrail.resolve([], SAMPLE, incremental=True)
    with pytest.raises(TypeError, match="'wrkload' is no option"):
        keytrail.list_inputs(SAMPLE, wrkload="any")
    with pytest.raises(TypeError, match="hash_all"):
        keytrail.scan(SAMPLE, hash_all=1)
    with pytest.raises(TypeError):
        keytrail.resolve(["text"], SAMPLE)
    with pytest.raises(keytrail.UsageError, match="not an entry of a listing"):
        list(keytrail.scan(None, ["sample-logs"]))
    with pytest.raises(keytrail.UsageError, match="standard input"):
        list(keytrail.list_inputs("-"))
    with pytest.raises(keytrail.InputError):
        list(keytrail.list_inputs(tmp_path / "nowhere"))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(keytrail.OutputError):
        list(keytrail.list_inputs(SAMPLE, tmp_path / "taken"))
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_list_that_is_not_read_to_its_end_is_no_error():
    listed = keytrail.list_inputs(SAMPLE)
    assert next(listed).size > 0
    facts = keytrail.scan(SAMPLE)
    next(facts)
    del listed, facts


Piece = collections.namedtuple("Piece", ["task", "piece", "facts"])
#: What Spark returns of two tasks.
WHOLE = [Piece(0, 1, b"a"), Piece(0, 2, b"b"), Piece(0, 3, None), Piece(1, 1, b"c"), Piece(1, 2, None)]


def test_pieces_that_spark_returns_are_all_there_in_order():
    assert list(keytrail.spark._in_order(WHOLE, 2)) == [b"a", b"b", b"c"]
    for at in range(len(WHOLE)):
        missing = WHOLE[:at] + WHOLE[at + 1 :]
        twice = WHOLE[: at + 1] + WHOLE[at:]
        for pieces in (missing, twice, WHOLE[:at]):
            with pytest.raises(keytrail.spark.SparkError, match="there is no report"):
                list(keytrail.spark._in_order(pieces, 2))
