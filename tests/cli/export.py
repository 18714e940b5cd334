"""Compares a workbook and a folder of CSV with the Parquet files of their report.

usage: export.py REPORT WORKBOOK FOLDER
"""

import csv
import datetime
import glob
import os
import re
import sys
import unicodedata

import openpyxl
import pyarrow.parquet as parquet

report, workbook, folder = sys.argv[1:]
TABLES = (
    "usage usage_daily findings grants access policy_statements shares share_use integrity inputs "
    "rejects superseded events"
).split()
# Characters that are not shown, as src/report/text.rs has them.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def shown(text):
    text = "".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in text)
    return INVISIBLE.sub("\ufffd", text)


def in_sheet(text):
    return re.sub("[\ufffe\uffff]", "\ufffd", shown(text)) or None


def stored(name):
    if name == "events":
        files = sorted(glob.glob(f"{report}/events/day=*/events.parquet"))
    else:
        files = glob.glob(f"{report}/{name}.parquet")
    if not files:
        return None
    tables = [parquet.ParquetFile(file).read() for file in files]
    return tables[0].column_names, [row for table in tables for row in zip(*(c.to_pylist() for c in table))]


def same_cell(name, cell, value):
    where = f"{name} {cell.coordinate}: {cell.value!r}, not {value!r}"
    assert cell.data_type != "f" and cell.hyperlink is None, where
    if value is None:
        assert cell.value is None, where
    elif isinstance(value, bool):
        assert cell.value is value, where
    elif isinstance(value, int):
        assert cell.data_type == "n" and cell.value == value, where
    elif isinstance(value, datetime.datetime):
        # To the millisecond, which is what a spreadsheet keeps.
        assert cell.is_date and abs(cell.value - value.replace(tzinfo=None)) < datetime.timedelta(milliseconds=1), where
    elif isinstance(value, datetime.date):
        assert cell.is_date and cell.value.date() == value, where
    else:
        # openpyxl leaves the references _xHHHH_ as they are.
        text = cell.value and openpyxl.utils.escape.unescape(cell.value)
        assert text == in_sheet(value), where
        assert cell.data_type in ("s", "inlineStr", "n" if not value else "s"), where
        assert cell.value is None or cell.number_format == "@", where


def as_csv(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    return str(value)


book = openpyxl.load_workbook(workbook)
expected = {name: table for name in TABLES if (table := stored(name))}
assert book.sheetnames == ["report", *expected], book.sheetnames
cells = 0
for name, (columns, rows) in expected.items():
    sheet = book[name]
    assert [cell.value for cell in sheet[1]] == columns, name
    assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref.startswith("A1:"), name
    assert sheet.max_row == len(rows) + 1, (name, sheet.max_row, len(rows))
    assert all(8 <= sheet.column_dimensions[c.column_letter].width <= 62 for c in sheet[1]), name
    for found, row in zip(sheet.iter_rows(min_row=2), rows):
        for cell, value in zip(found, row, strict=True):
            same_cell(name, cell, value)
            cells += 1
    with open(f"{folder}/{name}.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert lines[0] == columns and len(lines) == len(rows) + 1, name
    for line, row in zip(lines[1:], rows):
        for text, column, value in zip(line, columns, row, strict=True):
            plain = shown(as_csv(value))
            if isinstance(value, str):
                # The guard against formulas puts apostrophes before what begins a cell.
                assert text.replace("'", "") == plain.replace("'", ""), (name, column, text, value)
                assert not text.lstrip().startswith(("=", "+", "-", "@")), (name, column, text)
            else:
                assert text == plain, (name, column, text, value)

assert sorted(os.listdir(folder)) == sorted(f"{name}.csv" for name in expected)
about = {str(row[0]): row[1] for row in book["report"].iter_rows(values_only=True) if row[0]}
for name, (_, rows) in expected.items():
    assert about[name] == len(rows), (name, about[name], len(rows))
for label in ("Program", "Run began", "Input", "What the numbers cannot prove", "records", "selected"):
    assert label in about, (label, about)
print(f"{cells} cells of {len(expected)} sheets are those of the report")
