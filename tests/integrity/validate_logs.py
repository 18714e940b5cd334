"""What `aws cloudtrail validate-logs` says of buckets, which a server on loopback plays.

Standard input: JSON with `bucket`, `keys` (the answer of ListPublicKeys), `trail`, `region`, and
`cases`: for each, the files of the bucket by key (base64) and their metadata. Standard output: for
each case the exit status, and what was printed. Only CloudTrail itself is played here: nobody else
lists its public keys.
"""

import base64
import contextlib
import io
import json
import os
import sys
from datetime import datetime, timezone

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true")
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

import logging

import boto3
from awscli.customizations.cloudtrail.validation import CloudTrailValidateLogs
from awscli.clidriver import create_clidriver
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)


class CloudTrail:
    """Lists public keys."""

    def __init__(self, keys):
        self.keys = keys

    def list_public_keys(self, StartTime, EndTime):
        return {"PublicKeyList": self.keys}


class Arguments:
    """The options of the command."""

    verbose = True
    s3_prefix = account_id = None

    def __init__(self, asked):
        self.trail_arn, self.s3_bucket = asked["trail"], asked["bucket"]
        self.start_time, self.end_time = asked["start"], asked["end"]


class Globals:
    """The options of all commands."""

    verify_ssl = endpoint_url = None

    def __init__(self, region):
        self.region = region


def validate(asked):
    command = CloudTrailValidateLogs(create_clidriver().session)
    command.handle_args(Arguments(asked))
    command.setup_services(Globals(asked["region"]))
    command.cloudtrail_client = CloudTrail(asked["keys"]["PublicKeyList"])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        command._call()
    invalid = command._invalid_digests + command._invalid_backfill_digests + command._invalid_logs
    return {"status": int(invalid > 0), "printed": out.getvalue() + err.getvalue()}


asked = json.load(sys.stdin)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
s3 = boto3.client("s3", region_name=asked["region"])
s3.create_bucket(Bucket=asked["bucket"], CreateBucketConfiguration={"LocationConstraint": asked["region"]})
said = []
for case in asked["cases"]:
    for key, file in case.items():
        body, metadata = base64.b64decode(file["content"]), file["metadata"]
        s3.put_object(Bucket=asked["bucket"], Key=key, Body=body, Metadata=metadata)
    said.append(validate(asked))
    for key in case:
        s3.delete_object(Bucket=asked["bucket"], Key=key)
server.stop()
json.dump(said, sys.stdout)
