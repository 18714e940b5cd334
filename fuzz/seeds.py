#!/usr/bin/env python3
"""Writes seeds for every target to fuzz/corpus/, which is not in git.

The sources are sample-logs/, tests/data/damaged/ and tests/data/shapes/. The zeros at the start of
a seed are the default choices (see src/lib.rs).
"""

import gzip
import hashlib
import json
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent
MAX_SEED = 16 << 10  # bytes; long seeds make every execution slow
RECORDS = 3  # per archive: many short seeds work best
# Records and look-alikes, as short as possible.
SHORT = [
    b'{"eventVersion":"1.08","eventTime":"t","eventSource":"s","eventName":"E"}',
    b'{"eventTime":"t","eventSource":"kms.amazonaws.com","eventName":"E","x":["}\\"",{"a":[{}]}]}',
    b'{"eventName":"\\ud83d\\ude00","pad":"                                                                "}',
    b'{"eventVersion":"1","x":"cut',
    b'{"a":1}',
    b"17",
]


def write(target, seed):
    if len(seed) <= MAX_SEED:
        folder = FUZZ / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def records(text):
    """The exact text of the records in a `Records` document."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        if text.startswith("]", at):
            return
        _, end = decoder.raw_decode(text, at)
        yield text[at:end].encode()
        at = end


def containers(some):
    """The records in each supported container."""
    yield b'{"Records":[' + b",".join(some) + b"]}"
    yield b"[" + b" ,\n".join(some) + b"]"
    yield b"\n".join(some) + b"\n"
    yield b"".join(some)
    texts = [json.dumps(record.decode()).encode() for record in some]
    items = [b'{"EventId":"1","CloudTrailEvent":' + text + b"}" for text in texts]
    yield b'{"Events": [' + b",".join(items) + b"]}"
    messages = [b'{"id":"1","timestamp":1,"message":' + text + b"}" for text in texts]
    yield b'{"messageType":"DATA_MESSAGE","logEvents":[' + b",".join(messages) + b"]}"
    yield b"".join(b'{"detail-type":"x via CloudTrail","detail":' + record + b"}" for record in some)
    yield b"".join(b"2024-01-01T00:00:00.000Z " + record + b"\n" for record in some)
    yield b'{"QueryResultRows":[' + b",".join(b'[{"eventJson":' + text + b"}]" for text in texts) + b"]}"


def seed_content(content):
    write("container", b"\0\0" + content)
    write("engine", b"\0" + content)
    write("decode", b"\1\0\0" + content)


def main():
    folders = [ROOT / "tests/data/damaged", ROOT / "tests/data/shapes"]
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        stored = path.read_bytes()
        write("decode", b"\0\0" + stored)
        write("engine", b"\0" + stored)
        if not stored.startswith(b"\x1f\x8b"):
            seed_content(stored)
            write("json", b"\0" + stored)
            write("parse", stored)
    for path in sorted((ROOT / "sample-logs").rglob("*CloudTrail_*.json.gz")):
        found = list(records(gzip.decompress(path.read_bytes()).decode()))
        of_kms = [record for record in found if b"kms.amazonaws.com" in record]
        for record in of_kms + found[:RECORDS]:
            write("parse", record)
        for record in found[:RECORDS]:
            write("json", b"\0" + record + b",")
        some = found[:1] + of_kms[: RECORDS - 1]
        for content in containers(some):
            seed_content(content)
        write("decode", b"\0\0" + gzip.compress(some[0], mtime=0) + gzip.compress(b"", mtime=0))
    for first in range(len(SHORT)):
        some = SHORT[first:] + SHORT[:1]
        for content in containers(some):
            seed_content(content)
            write("json", b"\0" + content)
            write("decode", b"\0\0" + gzip.compress(content, mtime=0))
            for choice in (1, 2, 4, 8):  # no resync in values; limits of 1000, 300 and 16 bytes
                write("container", bytes([choice, 2, 3, 70]) + content)
            for flavour in range(8):  # two members, damaged once
                write("decode", bytes([6, 0, flavour, 8 * flavour, flavour, 90, 0, 16]) + content)
    for path in sorted((ROOT / "tests/data/ocsf").glob("*.parquet")):
        write("parquet", path.read_bytes())
    for rule in (ROOT / "src/classify/rules/builtin.toml").read_bytes().split(b"[[rule]]")[1:]:
        write("rules", b"[[rule]]" + rule)
    write("rules", b'[[rule]]\nid = "a"\nworkload = "canvas"\nstrength = "weak"\n[[rule.when]]\nevent_name = ["/^De/", "x"]\n')
    item = b"<Contents><Key>a/%d</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
    token = b"<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"
    folder = b"<CommonPrefixes><Prefix>a/%d/</Prefix></CommonPrefixes>"
    pages = [token % n + item % n + folder % n for n in range(3)] + [item % 3]
    page = b"<ListBucketResult>%s</ListBucketResult>"
    for some in [pages, pages[:1], pages[3:], [token % 1], [token % 1, token % 2]]:
        write("listing", b"\0".join(page % content for content in some))
    for flavour in range(8):
        write("checkpoint", bytes([0, flavour, 9 * flavour, 1, 0x80, 7, 2, 0xFF, 0, 3, 0]))
    for target in sorted((FUZZ / "corpus").iterdir()):
        print(f"{target.name}: {len(list(target.iterdir()))} seeds")


if __name__ == "__main__":
    main()
