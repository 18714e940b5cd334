"""Writes the files of this folder, with writers that share no code with keytrail: Python's tarfile, zipfile and gzip.

Run in this folder: python3 make.py. The same bytes come out each time; the tests name what each file must give.
"""

import gzip
import io
import json
import tarfile
import zipfile

ACCOUNT = "111122223333"
FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail/us-west-2/2024/03/05/"


def record(n):
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "sagemaker-geospatial.amazonaws.com"},
        "eventTime": f"2024-03-05T10:00:{n:02}Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "sagemaker-geospatial.amazonaws.com",
        "userAgent": "sagemaker-geospatial.amazonaws.com",
        "requestParameters": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": None,
        "eventID": f"00000000-0000-4000-8000-{n:012}",
        "readOnly": True,
        "resources": [
            {
                "accountId": ACCOUNT,
                "type": "AWS::KMS::Key",
                "ARN": f"arn:aws:kms:us-west-2:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            }
        ],
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }


def document(first):
    return json.dumps({"Records": [record(first), record(first + 1)]}, separators=(",", ":")).encode()


def name(n, end):
    return f"{FOLDER}{ACCOUNT}_CloudTrail_us-west-2_20240305T10{n:02}Z_AbCdEfGhIjKlMn{n:02}{end}"


# Two compressed archives, one that is not, and something else: six records.
MEMBERS = [
    (name(5, ".json.gz"), gzip.compress(document(1), mtime=0)),
    (name(10, ".json.gz"), gzip.compress(document(3), mtime=0)),
    (name(15, ".json"), document(5)),
    ("README.txt", b"not an archive\n"),
]


def tar(form, members=MEMBERS):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        folder = tarfile.TarInfo("AWSLogs")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
        for path, content in members:
            info = tarfile.TarInfo(path)
            info.size = len(content)
            if form == tarfile.PAX_FORMAT:
                info.mtime = 1.5  # asks for an extended header
            file.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("latest")
        link.type, link.linkname = tarfile.SYMTYPE, "README.txt"
        file.addfile(link)
    return out.getvalue()


class NotSeekable(io.RawIOBase):
    """Makes zipfile write sizes behind members, as it does into a pipe."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += data
        return len(data)


def zipped(method, stream=False, members=MEMBERS, zip64=False):
    out = NotSeekable() if stream else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr(zipfile.ZipInfo("AWSLogs/"), b"")
        for path, content in members:
            info = zipfile.ZipInfo(path)
            info.compress_type = method
            with file.open(info, "w", force_zip64=zip64) as member:
                member.write(content)
    return bytes(out.bytes) if stream else out.getvalue()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


write("ustar.tar", tar(tarfile.USTAR_FORMAT))
write("gnu.tar", tar(tarfile.GNU_FORMAT))
write("pax.tar.gz", gzip.compress(tar(tarfile.PAX_FORMAT), mtime=0))
write("stored.zip", zipped(zipfile.ZIP_STORED))
write("deflated.zip", zipped(zipfile.ZIP_DEFLATED))
write("streamed.zip", zipped(zipfile.ZIP_STORED, stream=True))
write("streamed-deflated.zip", zipped(zipfile.ZIP_DEFLATED, stream=True))
write("zip64.zip", zipped(zipfile.ZIP_DEFLATED, zip64=True))
write("bzip2.zip", zipped(zipfile.ZIP_BZIP2))
write("nested.zip", zipped(zipfile.ZIP_DEFLATED, members=[("inner/pax.tar.gz", open("pax.tar.gz", "rb").read())]))
