"""Reads a report as programs other than ours do, and says what it found as JSON.

usage: second_reader.py REPORT

`rows` are those of pyarrow, with times as text in milliseconds; `duckdb` has DuckDB's types and its own sums over the same files.
"""

import datetime
import json
import pathlib
import sys

import duckdb
import pyarrow
import pyarrow.parquet as parquet

TABLES = ["usage", "usage_daily", "events", "grants", "access", "findings", "policy_statements", "shares", "share_use", "superseded", "integrity", "rejects", "inputs"]


def cell(value):
    if isinstance(value, datetime.datetime):
        assert value.utcoffset() == datetime.timedelta(0), value
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def files(report, table):
    if table == "events":
        return sorted((report / "events").glob("day=*/events.parquet"))
    return [report / f"{table}.parquet"]


def storage(path):
    """What pyarrow's reader of the file's footer says of it."""
    footer = parquet.read_metadata(path)
    chunks = [footer.row_group(g).column(c) for g in range(footer.num_row_groups) for c in range(footer.num_columns)]
    schema = footer.schema
    return {
        "created_by": footer.created_by,
        "rows": footer.num_rows,
        "codecs": sorted({chunk.compression for chunk in chunks}),
        "all_statistics": all(chunk.is_stats_set and chunk.statistics.has_null_count for chunk in chunks),
        "physical": [schema.column(c).physical_type for c in range(len(schema))],
        "logical": [str(schema.column(c).logical_type) for c in range(len(schema))],
        "nested": any(schema.column(c).max_repetition_level > 0 for c in range(len(schema))),
    }


def through_pyarrow(report, table):
    paths = files(report, table)
    # One file at a time: the reader of directories would add the partition's column.
    tables = [parquet.ParquetFile(path).read() for path in paths]
    schema = tables[0].schema if tables else pyarrow.schema([])
    assert all(t.schema.equals(schema) for t in tables), table
    return {
        "columns": [[f.name, str(f.type), f.nullable] for f in schema],
        "storage": [storage(path) for path in paths],
        "rows": [{name: cell(value) for name, value in row.items()} for t in tables for row in t.to_pylist()],
    }


def through_duckdb(report, table):
    db = duckdb.connect()
    db.execute("set TimeZone = 'UTC'")
    hive = table == "events"
    pattern = report / ("events/*/*.parquet" if hive else f"{table}.parquet")
    if not files(report, table):
        return None
    db.execute(f"create view t as select * from read_parquet('{pattern}', hive_partitioning = {str(hive).lower()})")
    types = db.execute("describe t").fetchall()
    found = {"columns": [[name, kind] for name, kind, *_ in types]}
    found["count"] = db.execute("select count(*) from t").fetchone()[0]
    found["nulls"], found["sums"], found["distinct"] = {}, {}, {}
    for name, kind, *_ in types:
        found["nulls"][name] = db.execute(f'select count(*) - count("{name}") from t').fetchone()[0]
        found["distinct"][name] = db.execute(f'select count(distinct "{name}") from t').fetchone()[0]
        if kind == "BIGINT":
            found["sums"][name] = int(db.execute(f'select coalesce(sum("{name}"), 0) from t').fetchone()[0])
        elif kind == "TIMESTAMP WITH TIME ZONE":
            found["sums"][name] = int(db.execute(f'select coalesce(sum(epoch_ms("{name}")), 0) from t').fetchone()[0])
        elif kind == "BOOLEAN":
            found["sums"][name] = db.execute(f'select count(*) from t where "{name}"').fetchone()[0]
    if hive:
        days = db.execute("select day::varchar, count(*) from t group by day order by day").fetchall()
        found["days"] = [list(day) for day in days]
        wrong = "select count(*) from t where day <> (event_time at time zone 'UTC')::date"
        found["in_wrong_day"] = db.execute(wrong).fetchone()[0]
        # Only the partition asked for is opened.
        first = days[0][0] if days else "1970-01-01"
        found["first_day"] = db.execute("select count(*) from t where day = ?::date", [first]).fetchone()[0]
    return found


def main():
    report = pathlib.Path(sys.argv[1])
    answer = {
        "versions": {"duckdb": duckdb.__version__, "pyarrow": pyarrow.__version__},
        "pyarrow": {table: through_pyarrow(report, table) for table in TABLES},
        "duckdb": {table: through_duckdb(report, table) for table in TABLES},
    }
    json.dump(answer, sys.stdout, ensure_ascii=False)


main()
