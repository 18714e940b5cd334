-- Views of a report for DuckDB: its tables, and the first questions to ask them. Say where the report
-- is, a folder or s3://BUCKET/FOLDER (with DuckDB's httpfs), and read this file; from the folder of the
-- repository:
--
--   duckdb -cmd "SET VARIABLE report = 'report'" -cmd ".read docs/views.sql" -c "FROM unused_grants"
--
-- docs/report-schema.md describes the columns. Accounts are texts, with their leading zeros; times are
-- UTC. docs/athena.sql has the same for Athena.

-- Tables (generated).

CREATE OR REPLACE VIEW usage AS
SELECT
  key_arn, key_id, key_account_id, key_region, key_family, principal, principal_type,
  principal_account_id, workload, event_name, outcome, error_code, region, recipient_account_id,
  invoked_by, cross_account, event_count, session_count, source_ip_count, first_event_time,
  last_event_time, first_event_id, last_event_id, distinct_exact, denied_action, denied_by,
  user_count, key_last_used_time, key_last_used_by, key_last_used_event_name,
  key_last_used_event_id, service, resource, resource_count, verified_event_count
FROM read_parquet(getvariable('report') || '/usage.parquet');

CREATE OR REPLACE VIEW usage_daily AS
SELECT
  day, key_arn, principal, workload, event_name, outcome, event_count, key_id, key_account_id,
  key_region, region, recipient_account_id
FROM read_parquet(getvariable('report') || '/usage_daily.parquet');

CREATE OR REPLACE VIEW findings AS
SELECT
  finding_id, rule_id, severity, status, key_arn, principal, grant_id, resource_arn, title,
  detail, evidence_count, evidence, first_time, last_time, remediation, controls, coverage, mute
FROM read_parquet(getvariable('report') || '/findings.parquet');

CREATE OR REPLACE VIEW grants AS
SELECT
  grant_id, key_arn, key_account_id, key_region, state, grantee_principal, grantee,
  retiring_principal, retiring, operations, "constraints", grant_name, created_time, created_by,
  created_through, created_event_id, repeated_calls, ended_time, ended_by, ended_through,
  ended_event_name, ended_event_id, unusable_since, parent_grant_id, consistent_use_count,
  ambiguous_use_count, undecidable_use_count, first_consistent_use, last_consistent_use,
  operations_seen, operations_not_seen, integrity
FROM read_parquet(getvariable('report') || '/grants.parquet');

CREATE OR REPLACE VIEW access AS
SELECT
  key_arn, key_account_id, key_region, principal, principal_account_id, event_name, outcome,
  error_code, record_count, first_event_time, last_event_time, first_event_id, first_archive,
  first_record_offset, last_event_id, last_archive, last_record_offset, workloads
FROM read_parquet(getvariable('report') || '/access.parquet');

CREATE OR REPLACE VIEW policy_statements AS
SELECT
  key_arn, policy_source, policy_file, policy_from, policy_until, policy_set_by, policy_event_id,
  statement, sid, effect, principal, permission, status, detail, record_count,
  only_by_this_count, first_time, last_time, event_id
FROM read_parquet(getvariable('report') || '/policy_statements.parquet');

CREATE OR REPLACE VIEW shares AS
SELECT
  share_arn, share_name, made_by, resource_arn, resource_kind, owner_account_id, consumer,
  consumer_kind, permission, permission_version, actions, allows_external,
  allows_external_by_default, external, feature_set, state, promotion, discoverable, accessible,
  requested_time, requested_by, requested_event_name, accepted_time, answered_time, answered_by,
  ended_time, ended_by, ended_event_name, use_count, refused_count, late_use_count,
  first_use_time, last_use_time, note, evidence
FROM read_parquet(getvariable('report') || '/shares.parquet');

CREATE OR REPLACE VIEW share_use AS
SELECT
  resource_arn, resource_kind, owner_account_id, consumer_account_id, principal, event_name,
  use_kind, outcome, error_code, event_count, first_event_time, last_event_time, first_event_id,
  last_event_id, key_arn, share_arn, visible_share_count
FROM read_parquet(getvariable('report') || '/share_use.parquet');

CREATE OR REPLACE VIEW integrity AS
SELECT
  kind, archive, recorded_location, account_id, region, trail, status, reason, digest,
  start_time, end_time, sha256, fingerprint, key_source
FROM read_parquet(getvariable('report') || '/integrity.parquet');

CREATE OR REPLACE VIEW inputs AS
SELECT
  archive, container, status, reason, shape, compressed_bytes, content_bytes, gzip_members,
  content_sha256, account_id, region, etag, modified_time, delivered_time, records, selected,
  duplicate, other_copy, other_source, other_event, other_workload, filtered, not_usage,
  rejected, conflicts, corrected, integrity
FROM read_parquet(getvariable('report') || '/inputs.parquet');

CREATE OR REPLACE VIEW rejects AS
SELECT
  archive, record_offset, record_index, reason, detail
FROM read_parquet(getvariable('report') || '/rejects.parquet');

CREATE OR REPLACE VIEW superseded AS
SELECT
  class, superseded_by, event_time, event_id, shared_event_id, request_id, event_name, region,
  recipient_account_id, principal, key_arn, archive, record_offset
FROM read_parquet(getvariable('report') || '/superseded.parquet');

CREATE OR REPLACE VIEW events AS
SELECT
  day, event_time, event_id, shared_event_id, request_id, event_name, region,
  recipient_account_id, principal, principal_type, principal_account_id, source_account_id,
  session_name, access_key_id, invoked_by, source_ip, user_agent, key_arn, key_id,
  key_account_id, key_region, key_family, key_origin, key_alias, destination_key_arn, workload,
  workload_strength, workload_rules, outcome, error_code, error_message, denied_action,
  denied_by, encryption_context, s3_bucket, s3_object_key, grant_id, grantee_principal,
  retiring_principal, grant_operations, read_only, vpc_endpoint_id, tls_version, omitted_fields,
  archive, record_offset, cross_account, source_identity, on_behalf_of, user_name, web_identity,
  service, resource, grant_constraints, grant_name, integrity
FROM read_parquet(getvariable('report') || '/events/*/events.parquet', hive_partitioning = true, hive_types = {'day': DATE});

-- First questions, in SQL that Athena has, too.

-- Open grants of which the input shows no use: candidates to be retired. A call that no record can
-- tie to a grant for certain is in undecidable_use_count.
CREATE OR REPLACE VIEW unused_grants AS
SELECT key_arn, grantee, operations, created_time, created_by, grant_id, undecidable_use_count, unusable_since
FROM grants
WHERE state = 'open' AND consistent_use_count = 0
ORDER BY created_time, grant_id;

-- What was refused, and by which kind of policy; the most frequent first.
CREATE OR REPLACE VIEW refusals_by_cause AS
SELECT
  denied_by,
  denied_action,
  event_name,
  principal,
  key_arn,
  CAST(sum(event_count) AS BIGINT) AS denied_count,
  min(first_event_time) AS first_event_time,
  max(last_event_time) AS last_event_time
FROM usage
WHERE outcome = 'denied'
GROUP BY 1, 2, 3, 4, 5
ORDER BY denied_count DESC, event_name, principal, key_arn;

-- Every key that a record names, whoever used it; the one not used for the longest time first. Reads
-- of a key's settings are no use of it. last_use is null when no use succeeded.
CREATE OR REPLACE VIEW keys_by_last_use AS
SELECT
  key_arn,
  key_account_id,
  key_region,
  max(last_event_time) FILTER (WHERE is_use AND outcome = 'success') AS last_use,
  max_by(principal, last_event_time) FILTER (WHERE is_use AND outcome = 'success') AS last_used_by,
  CAST(coalesce(sum(record_count) FILTER (WHERE is_use AND outcome = 'success'), 0) AS BIGINT) AS use_records,
  CAST(coalesce(sum(record_count) FILTER (WHERE outcome <> 'success'), 0) AS BIGINT) AS failed_records,
  count(DISTINCT principal) AS principals
FROM (
  SELECT *, event_name IN (
    'Decrypt', 'DeriveSharedSecret', 'Encrypt', 'GenerateDataKey',
    'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext', 'GenerateDataKeyWithoutPlaintext', 'GenerateMac',
    'GenerateRandom', 'ReEncrypt', 'Sign', 'Verify',
    'VerifyMac'
  ) AS is_use
  FROM access
)
WHERE key_arn IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY last_use NULLS FIRST, key_arn;

-- Calls by callers of another account than the key's.
CREATE OR REPLACE VIEW foreign_use AS
SELECT
  key_account_id,
  key_arn,
  principal_account_id,
  principal,
  workload,
  event_name,
  outcome,
  CAST(sum(event_count) AS BIGINT) AS event_count,
  min(first_event_time) AS first_event_time,
  max(last_event_time) AS last_event_time
FROM usage
WHERE cross_account
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY event_count DESC, key_arn, principal, event_name, outcome;

-- Events in archives that no digest verifies, by archive. integrity says why; it is null in a report
-- of archives without digests.
CREATE OR REPLACE VIEW unverified_events AS
SELECT
  archive,
  integrity,
  count(*) AS event_count,
  min(event_time) AS first_event_time,
  max(event_time) AS last_event_time
FROM events
WHERE integrity IS DISTINCT FROM 'valid'
GROUP BY 1, 2
ORDER BY event_count DESC, archive;
