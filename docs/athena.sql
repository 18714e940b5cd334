-- A report on S3 as tables of Athena, and views for the first questions to ask them. Replace
-- s3://example-reports/kms/ by where the report is, and s3://example-reports/athena/ by a folder for
-- lists of files; docs/batch.md has the commands. Athena takes one statement at a time.
--
-- docs/report-schema.md describes the columns. Accounts are texts, with their leading zeros; times are
-- UTC. Give kms_events the days of interest: WHERE day BETWEEN '2026-11-15' AND '2026-11-21'.
-- A view of events reads all days since November 2014, when KMS began.

-- All that follows is generated: `UPDATE_DOCS=1 cargo test --test repo docs` rewrites it.

CREATE EXTERNAL TABLE kms_usage (
  `key_arn` string,
  `key_id` string,
  `key_account_id` string,
  `key_region` string,
  `key_family` string,
  `principal` string,
  `principal_type` string,
  `principal_account_id` string,
  `workload` string,
  `event_name` string,
  `outcome` string,
  `error_code` string,
  `region` string,
  `recipient_account_id` string,
  `invoked_by` string,
  `cross_account` boolean,
  `event_count` bigint,
  `session_count` bigint,
  `source_ip_count` bigint,
  `first_event_time` timestamp,
  `last_event_time` timestamp,
  `first_event_id` string,
  `last_event_id` string,
  `distinct_exact` boolean,
  `denied_action` string,
  `denied_by` string,
  `user_count` bigint,
  `key_last_used_time` timestamp,
  `key_last_used_by` string,
  `key_last_used_event_name` string,
  `key_last_used_event_id` string,
  `service` string,
  `resource` string,
  `resource_count` bigint,
  `verified_event_count` bigint)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/usage/';

CREATE EXTERNAL TABLE kms_usage_daily (
  `day` date,
  `key_arn` string,
  `principal` string,
  `workload` string,
  `event_name` string,
  `outcome` string,
  `event_count` bigint,
  `key_id` string,
  `key_account_id` string,
  `key_region` string,
  `region` string,
  `recipient_account_id` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/usage_daily/';

CREATE EXTERNAL TABLE kms_findings (
  `finding_id` string,
  `rule_id` string,
  `severity` string,
  `status` string,
  `key_arn` string,
  `principal` string,
  `grant_id` string,
  `resource_arn` string,
  `title` string,
  `detail` string,
  `evidence_count` bigint,
  `evidence` string,
  `first_time` timestamp,
  `last_time` timestamp,
  `remediation` string,
  `controls` string,
  `coverage` string,
  `mute` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/findings/';

CREATE EXTERNAL TABLE kms_grants (
  `grant_id` string,
  `key_arn` string,
  `key_account_id` string,
  `key_region` string,
  `state` string,
  `grantee_principal` string,
  `grantee` string,
  `retiring_principal` string,
  `retiring` string,
  `operations` string,
  `constraints` string,
  `grant_name` string,
  `created_time` timestamp,
  `created_by` string,
  `created_through` string,
  `created_event_id` string,
  `repeated_calls` bigint,
  `ended_time` timestamp,
  `ended_by` string,
  `ended_through` string,
  `ended_event_name` string,
  `ended_event_id` string,
  `unusable_since` timestamp,
  `parent_grant_id` string,
  `consistent_use_count` bigint,
  `ambiguous_use_count` bigint,
  `undecidable_use_count` bigint,
  `first_consistent_use` timestamp,
  `last_consistent_use` timestamp,
  `operations_seen` string,
  `operations_not_seen` string,
  `integrity` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/grants/';

CREATE EXTERNAL TABLE kms_access (
  `key_arn` string,
  `key_account_id` string,
  `key_region` string,
  `principal` string,
  `principal_account_id` string,
  `event_name` string,
  `outcome` string,
  `error_code` string,
  `record_count` bigint,
  `first_event_time` timestamp,
  `last_event_time` timestamp,
  `first_event_id` string,
  `first_archive` string,
  `first_record_offset` bigint,
  `last_event_id` string,
  `last_archive` string,
  `last_record_offset` bigint,
  `workloads` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/access/';

CREATE EXTERNAL TABLE kms_policy_statements (
  `key_arn` string,
  `policy_source` string,
  `policy_file` string,
  `policy_from` timestamp,
  `policy_until` timestamp,
  `policy_set_by` string,
  `policy_event_id` string,
  `statement` bigint,
  `sid` string,
  `effect` string,
  `principal` string,
  `permission` string,
  `status` string,
  `detail` string,
  `record_count` bigint,
  `only_by_this_count` bigint,
  `first_time` timestamp,
  `last_time` timestamp,
  `event_id` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/policy_statements/';

CREATE EXTERNAL TABLE kms_shares (
  `share_arn` string,
  `share_name` string,
  `made_by` string,
  `resource_arn` string,
  `resource_kind` string,
  `owner_account_id` string,
  `consumer` string,
  `consumer_kind` string,
  `permission` string,
  `permission_version` string,
  `actions` string,
  `allows_external` boolean,
  `allows_external_by_default` boolean,
  `external` boolean,
  `feature_set` string,
  `state` string,
  `promotion` string,
  `discoverable` boolean,
  `accessible` boolean,
  `requested_time` timestamp,
  `requested_by` string,
  `requested_event_name` string,
  `accepted_time` timestamp,
  `answered_time` timestamp,
  `answered_by` string,
  `ended_time` timestamp,
  `ended_by` string,
  `ended_event_name` string,
  `use_count` bigint,
  `refused_count` bigint,
  `late_use_count` bigint,
  `first_use_time` timestamp,
  `last_use_time` timestamp,
  `note` string,
  `evidence` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/shares/';

CREATE EXTERNAL TABLE kms_share_use (
  `resource_arn` string,
  `resource_kind` string,
  `owner_account_id` string,
  `consumer_account_id` string,
  `principal` string,
  `event_name` string,
  `use_kind` string,
  `outcome` string,
  `error_code` string,
  `event_count` bigint,
  `first_event_time` timestamp,
  `last_event_time` timestamp,
  `first_event_id` string,
  `last_event_id` string,
  `key_arn` string,
  `share_arn` string,
  `visible_share_count` bigint)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/share_use/';

CREATE EXTERNAL TABLE kms_integrity (
  `kind` string,
  `archive` string,
  `recorded_location` string,
  `account_id` string,
  `region` string,
  `trail` string,
  `status` string,
  `reason` string,
  `digest` string,
  `start_time` timestamp,
  `end_time` timestamp,
  `sha256` string,
  `fingerprint` string,
  `key_source` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/integrity/';

CREATE EXTERNAL TABLE kms_inputs (
  `archive` string,
  `container` string,
  `status` string,
  `reason` string,
  `shape` string,
  `compressed_bytes` bigint,
  `content_bytes` bigint,
  `gzip_members` bigint,
  `content_sha256` string,
  `account_id` string,
  `region` string,
  `etag` string,
  `modified_time` timestamp,
  `delivered_time` timestamp,
  `records` bigint,
  `selected` bigint,
  `duplicate` bigint,
  `other_copy` bigint,
  `other_source` bigint,
  `other_event` bigint,
  `other_workload` bigint,
  `filtered` bigint,
  `not_usage` bigint,
  `rejected` bigint,
  `conflicts` bigint,
  `corrected` bigint,
  `integrity` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/inputs/';

CREATE EXTERNAL TABLE kms_rejects (
  `archive` string,
  `record_offset` bigint,
  `record_index` bigint,
  `reason` string,
  `detail` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/rejects/';

CREATE EXTERNAL TABLE kms_superseded (
  `class` string,
  `superseded_by` string,
  `event_time` timestamp,
  `event_id` string,
  `shared_event_id` string,
  `request_id` string,
  `event_name` string,
  `region` string,
  `recipient_account_id` string,
  `principal` string,
  `key_arn` string,
  `archive` string,
  `record_offset` bigint)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'
LOCATION 's3://example-reports/athena/superseded/';

CREATE EXTERNAL TABLE kms_events (
  `event_time` timestamp,
  `event_id` string,
  `shared_event_id` string,
  `request_id` string,
  `event_name` string,
  `region` string,
  `recipient_account_id` string,
  `principal` string,
  `principal_type` string,
  `principal_account_id` string,
  `source_account_id` string,
  `session_name` string,
  `access_key_id` string,
  `invoked_by` string,
  `source_ip` string,
  `user_agent` string,
  `key_arn` string,
  `key_id` string,
  `key_account_id` string,
  `key_region` string,
  `key_family` string,
  `key_origin` string,
  `key_alias` string,
  `destination_key_arn` string,
  `workload` string,
  `workload_strength` string,
  `workload_rules` string,
  `outcome` string,
  `error_code` string,
  `error_message` string,
  `denied_action` string,
  `denied_by` string,
  `encryption_context` string,
  `s3_bucket` string,
  `s3_object_key` string,
  `grant_id` string,
  `grantee_principal` string,
  `retiring_principal` string,
  `grant_operations` string,
  `read_only` boolean,
  `vpc_endpoint_id` string,
  `tls_version` string,
  `omitted_fields` string,
  `archive` string,
  `record_offset` bigint,
  `cross_account` boolean,
  `source_identity` string,
  `on_behalf_of` string,
  `user_name` string,
  `web_identity` string,
  `service` string,
  `resource` string,
  `grant_constraints` string,
  `grant_name` string,
  `integrity` string)
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://example-reports/kms/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2014-11-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://example-reports/kms/events/day=${day}/');

-- First questions.

-- Open grants of which the input shows no use: candidates to be retired. A call that no record can
-- tie to a grant for certain is in undecidable_use_count.
CREATE OR REPLACE VIEW kms_unused_grants AS
SELECT key_arn, grantee, operations, created_time, created_by, grant_id, undecidable_use_count, unusable_since
FROM kms_grants
WHERE state = 'open' AND consistent_use_count = 0
ORDER BY created_time, grant_id;

-- What was refused, and by which kind of policy; the most frequent first.
CREATE OR REPLACE VIEW kms_refusals_by_cause AS
SELECT
  denied_by,
  denied_action,
  event_name,
  principal,
  key_arn,
  CAST(sum(event_count) AS BIGINT) AS denied_count,
  min(first_event_time) AS first_event_time,
  max(last_event_time) AS last_event_time
FROM kms_usage
WHERE outcome = 'denied'
GROUP BY 1, 2, 3, 4, 5
ORDER BY denied_count DESC, event_name, principal, key_arn;

-- Every key that a record names, whoever used it; the one not used for the longest time first. Reads
-- of a key's settings are no use of it. last_use is null when no use succeeded.
CREATE OR REPLACE VIEW kms_keys_by_last_use AS
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
  FROM kms_access
)
WHERE key_arn IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY last_use NULLS FIRST, key_arn;

-- Calls by callers of another account than the key's.
CREATE OR REPLACE VIEW kms_foreign_use AS
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
FROM kms_usage
WHERE cross_account
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY event_count DESC, key_arn, principal, event_name, outcome;

-- Events in archives that no digest verifies, by archive. integrity says why; it is null in a report
-- of archives without digests.
CREATE OR REPLACE VIEW kms_unverified_events AS
SELECT
  archive,
  integrity,
  count(*) AS event_count,
  min(event_time) AS first_event_time,
  max(event_time) AS last_event_time
FROM kms_events
WHERE integrity IS DISTINCT FROM 'valid'
GROUP BY 1, 2
ORDER BY event_count DESC, archive;
