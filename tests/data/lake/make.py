"""Writes the CSV files of this folder with Python's csv: the rows of ../shapes/lake-rows*.json as CloudTrail Lake saves results of queries.

Run in this folder: python3 make.py.
"""

import csv
import json


def rows_of(path):
    found = []
    text, at = open(path).read(), 0
    decoder = json.JSONDecoder()
    while at < len(text.rstrip()):
        page, end = decoder.raw_decode(text, at)
        found += [{name.lower(): value for pair in row for name, value in pair.items()} for row in page["QueryResultRows"]]
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def write(path, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="") as out:
        lines = csv.DictWriter(out, names, restval="")
        lines.writeheader()
        lines.writerows(rows)
    return names


write("result.csv", rows_of("../shapes/lake-rows.json"))
write("result-lossy.csv", rows_of("../shapes/lake-rows-lossy.json"))
with open("event-history.csv", "w") as out:
    out.write("Event name,Event time,User name,Event source,Resource type,Resource name,Event ID,AWS access key,Read-only\n")
    out.write('Decrypt,"March 05, 2024, 10:00:00 (UTC)",R,kms.amazonaws.com,[],[],00000000-0000-4000-8000-000000000001,,true\n')
