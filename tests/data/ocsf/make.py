"""Writes the Parquet files of this folder with pyarrow: the events of KMS in ../../../sample-logs, mapped to OCSF as Security Lake keeps them.

Run in this folder, with pyarrow: python3 make.py. The mapping is the published one (ocsf/examples, mappings/markdown/AWS/CloudTrail), written forwards;
the program reads it backwards. records.json has the same records as they were.
"""

import glob
import gzip
import ipaddress
import json
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet as pq

S = pa.string()


def struct(**fields):
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


def records():
    found = []
    for path in sorted(glob.glob("../../../sample-logs/**/*.json.gz", recursive=True)):
        for record in json.load(gzip.open(path)).get("Records", []):
            # Aggregated events, which have no time of their own, are not kept there.
            if record.get("eventSource") == "kms.amazonaws.com" and "eventTime" in record:
                found.append(record)
    return found[::3]


def text(value):
    return None if value is None else json.dumps(value)


def user_of(identity, older):
    user = {
        "type": identity.get("type"),
        "name": identity.get("userName"),
        "uid": identity.get("arn"),
        "uuid" if older else "uid_alt": identity.get("principalId"),
        "credential_uid": identity.get("accessKeyId"),
    }
    account = identity.get("accountId")
    if older:
        user["account_uid"] = account
    elif account:
        user["account"] = {"uid": account}
    return user


def session_of(identity, older):
    context = identity.get("sessionContext")
    if not context:
        return None
    attributes = context.get("attributes", {})
    created = attributes.get("creationDate")
    moment = datetime.fromisoformat(created.replace("Z", "+00:00")) if created else None
    mfa = attributes.get("mfaAuthenticated")
    session = {"issuer": context.get("sessionIssuer", {}).get("arn")}
    session["mfa" if older else "is_mfa"] = None if mfa is None else mfa == "true"
    if older:
        session["created_time"] = int(moment.timestamp() * 1000) if moment else None
    else:
        session["created_time_dt"] = moment
    return session


# What has no place in OCSF keeps its name.
UNMAPPED = ["recipientAccountId", "sharedEventID", "readOnly", "managementEvent", "additionalEventData", "serviceEventDetails", "addendum"]


def unmapped_of(record):
    kept = {name: record[name] for name in UNMAPPED if record.get(name) is not None}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in kept.items()
    }


def row(record, older):
    identity = record.get("userIdentity") or {}
    moment = datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00"))
    source = record.get("sourceIPAddress")
    try:
        ipaddress.ip_address(source)
        endpoint = {"ip": source}
    except ValueError:
        endpoint = {"domain": source}
    endpoint["uid"] = record.get("vpcEndpointId")
    code, message = record.get("errorCode"), record.get("errorMessage")
    response = {"error": code, "message": message}
    request = {"uid": record.get("requestID")}
    if not older:
        response["data"] = text(record.get("responseElements"))
        request["data"] = text(record.get("requestParameters"))
    tls = record.get("tlsDetails") or {}
    account = record.get("recipientAccountId")
    made = {
        "metadata": {
            "uid": record.get("eventID"),
            "event_code": record.get("eventType"),
            "version": "1.0.0-rc.2" if older else "1.1.0",
            "product": {
                "name": "CloudTrail",
                "vendor_name": "AWS",
                "version": record.get("eventVersion"),
                "feature": {"name": record.get("eventCategory")},
            },
        },
        "time": int(moment.timestamp() * 1000),
        "cloud": {"provider": "AWS", "region": record.get("awsRegion")},
        "api": {
            "operation": record.get("eventName"),
            "version": record.get("apiVersion"),
            "service": {"name": record.get("eventSource")},
            "request": request,
            "response": response,
        },
        "actor": {
            "user": user_of(identity, older),
            "session": session_of(identity, older),
            "invoked_by": identity.get("invokedBy"),
        },
        "src_endpoint": endpoint,
        "http_request": {"user_agent": record.get("userAgent")},
        "resources": [
            {"uid": r.get("ARN"), "type": r.get("type"), **({"account_uid": r.get("accountId")} if older else {"owner": {"account": {"uid": r.get("accountId")}}})}
            for r in record.get("resources") or []
        ]
        or None,
        "class_uid": 6003,
        "class_name": "API Activity",
        "unmapped": list(unmapped_of(record).items()),
    }
    if not older:
        made["time_dt"] = moment
        made["cloud"]["account"] = {"uid": account} if account else None
        made["tls"] = {"version": tls.get("tlsVersion"), "cipher": tls.get("cipherSuite"), "sni": tls.get("clientProvidedHostHeader")}
    return made


def schema(older):
    moment = pa.timestamp("us", tz="UTC")
    user = dict(type=S, name=S, uid=S, credential_uid=S)
    session = dict(issuer=S)
    if older:
        user.update(uuid=S, account_uid=S)
        session.update(mfa=pa.bool_(), created_time=pa.int64())
        owner = dict(account_uid=S)
        request, response, cloud = dict(uid=S), dict(error=S, message=S), dict(provider=S, region=S)
    else:
        user.update(uid_alt=S, account=struct(uid=S))
        session.update(is_mfa=pa.bool_(), created_time_dt=moment)
        owner = dict(owner=struct(account=struct(uid=S)))
        request, response = dict(uid=S, data=S), dict(error=S, message=S, data=S)
        cloud = dict(provider=S, region=S, account=struct(uid=S))
    product = struct(name=S, vendor_name=S, version=S, feature=struct(name=S))
    fields = [
        ("metadata", struct(uid=S, event_code=S, version=S, product=product)),
        ("time", pa.int64()),
        ("cloud", struct(**cloud)),
        ("api", struct(operation=S, version=S, service=struct(name=S), request=struct(**request), response=struct(**response))),
        ("actor", struct(user=struct(**user), session=struct(**session), invoked_by=S)),
        ("src_endpoint", struct(ip=S, domain=S, uid=S)),
        ("http_request", struct(user_agent=S)),
        ("resources", pa.list_(struct(uid=S, type=S, **owner))),
        ("class_uid", pa.int32()),
        ("class_name", S),
        ("unmapped", pa.map_(S, S)),
    ]
    if not older:
        fields += [("time_dt", moment), ("tls", struct(version=S, cipher=S, sni=S))]
    return pa.schema(fields)


def write(path, rows, form, **options):
    pq.write_table(pa.Table.from_pylist(rows, schema=form), path, write_page_checksum=True, **options)


kept = records()
with open("records.json", "w") as out:
    json.dump({"Records": kept}, out, separators=(",", ":"))
# Two sources of Security Lake: OCSF 1.1 in zstd, and the older one, which has no parameters, in gzip; several row groups.
write("1.1.parquet", [row(r, False) for r in kept], schema(False), compression="zstd", row_group_size=100)
write("older.gz.parquet", [row(r, True) for r in kept], schema(True), compression="gzip", row_group_size=100)
write("other.parquet", [{"a": 1}], pa.schema([("a", pa.int64())]), compression="snappy")
