"""Reads every number of a report's page back, and compares it with the files of the report.

usage: read_back.py REPORT PAGE

Tables, pictures and numbers of the page carry the query that gives them. The program of the page is
not asked: DuckDB runs the queries in the folder of the report. Hashes come from hashlib. Prints
how much was compared, and each difference.
"""

import hashlib
import os
import sys
import unicodedata
from html.parser import HTMLParser

import duckdb
import pyarrow as pa

# Default_Ignorable_Code_Point of Unicode, and: separators, the blank of Braille, annotations.
RANGES = """00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F
    FEFF FFA0 FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF 2028-2029 2800 FFF9-FFFB"""
INVISIBLE = {
    code
    for part in RANGES.split()
    for code in range(int(part.split("-")[0], 16), int(part.split("-")[-1], 16) + 1)
}
VOID = {"meta", "wbr", "br", "input", "link"}


def printable(text):
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" or ord(c) in INVISIBLE else c for c in text)


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.numbers, self.tables, self.pictures = [], [], []
        self.hashes = {}
        self.stack = []
        self.field = None
        self.bare = []  # numbers in tables that no query has

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if tag in VOID:
            return
        self.stack.append((tag, have))
        if tag == "data":
            self.numbers.append({"sql": have.get("data-sql"), "value": have["value"], "shown": ""})
        if tag == "table":
            self.tables.append({"id": have["id"], "sql": have.get("data-sql"), "rows": []})
        if tag == "svg" and "id" in have:
            self.pictures.append({"id": have["id"], "sql": have.get("data-sql"), "rows": []})
        if "data-r" in have and self.pictures:
            self.pictures[-1]["rows"].append(have["data-r"])
        if tag == "tr" and any(t == "tbody" for t, _ in self.stack):
            self.tables[-1]["rows"].append({})
        if tag in ("span", "time") and any(t == "td" for t, _ in self.stack):
            self.field = {"column": have.get("data-c"), "value": have.get("data-v"), "text": "", "class": have.get("class", ""), "depth": len(self.stack)}

    def handle_data(self, data):
        if self.field is not None:
            self.field["text"] += data
        elif self.stack and self.stack[-1][0] == "data":
            self.numbers[-1]["shown"] += data

    def handle_endtag(self, tag):
        if self.field is not None and len(self.stack) == self.field["depth"]:
            field, self.field = self.field, None
            value = field["value"] if field["value"] is not None else field["text"]
            if field["column"]:
                row = self.tables[-1]["rows"][-1]
                assert field["column"] not in row, (self.tables[-1]["id"], field["column"])
                row[field["column"]] = value
                if field["class"] == "number":
                    assert field["text"].replace(",", "") == value, field
            elif field["class"] == "number":
                self.bare.append((self.tables[-1]["id"], value))
        assert self.stack.pop()[0] == tag, tag


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        if hasattr(value, "astimezone"):
            value = value.astimezone(__import__("datetime").timezone.utc)
            return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        return value.isoformat()
    return printable(str(value))


def rows(connection, sql):
    table = connection.sql(sql).to_arrow_table()
    return [{name: text(value) for name, value in row.items() if value is not None} for row in table.to_pylist()]


def main():
    report, page = sys.argv[1], Page()
    with open(sys.argv[2], encoding="utf-8") as file:
        page.feed(file.read())
    page.close()
    assert not page.stack, page.stack
    os.chdir(report)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    differences, values = [], 0

    for number in page.numbers:
        assert number["shown"].replace(",", "") == number["value"], number
        if not number["sql"]:
            differences.append(f"a number without a query: {number}")
            continue
        values += 1
        expected = str(connection.sql(number["sql"]).fetchall()[0][0])
        if expected != number["value"]:
            differences.append(f"{number['sql']}: {expected}, the page has {number['value']}")

    for table in page.tables:
        if table["id"] == "files":
            for row in table["rows"]:
                values += 1
                with open(row["file"], "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() != row["sha256"]:
                        differences.append(f"the hash of {row['file']}")
            continue
        if not table["sql"]:
            differences.append(f"the table {table['id']} has no query")
            continue
        expected = rows(connection, table["sql"])
        if len(expected) != len(table["rows"]):
            differences.append(f"{table['id']}: {len(expected)} rows, the page has {len(table['rows'])}")
        for place, (want, have) in enumerate(zip(expected, table["rows"])):
            values += len(have)
            if want != have:
                names = [name for name in want.keys() | have.keys() if want.get(name) != have.get(name)]
                differences.append(f"{table['id']} row {place}: " + "; ".join(f"{n}: {want.get(n)!r} / {have.get(n)!r}" for n in names))

    for picture in page.pictures:
        if not picture["sql"]:
            continue
        found = connection.sql(picture["sql"]).fetchall()
        expected = sorted("|".join(printable(str(value)) for value in row) for row in found)
        values += len(expected)
        if expected != sorted(picture["rows"]):
            differences.append(f"{picture['id']}: the marks differ from the rows")

    for table, value in page.bare:
        differences.append(f"{table}: the number {value} is in no query")
    print(f"{values} values, {len(page.tables)} tables, {len(page.pictures)} pictures, {len(page.numbers)} numbers")
    for difference in differences[:40]:
        print(difference)
    sys.exit(1 if differences else 0)


main()
