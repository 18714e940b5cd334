# keytrail every night, as a job of AWS Batch on Fargate: the job of ../aws/batch-job-definition.json
# with your names, its roles, the schedule, and a message to a topic when a job fails (exit status 3: a
# condition of --max-age or --fail-on holds). The two buckets, the image in a registry, and subnets with
# a gateway endpoint for S3 must already exist.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.40"
    }
  }
}

variable "image" {
  description = "The image built from deploy/Dockerfile"
  type        = string
}

variable "logs_bucket" {
  description = "Bucket that CloudTrail delivers to"
  type        = string
}

variable "logs_prefix" {
  description = "What to read in it; ends with a slash"
  type        = string
  default     = "AWSLogs/"
}

variable "logs_key_arns" {
  description = "KMS keys that the logs are encrypted with (SSE-KMS)"
  type        = list(string)
  default     = []
}

variable "reports_bucket" {
  description = "Bucket for the reports"
  type        = string
}

variable "reports_prefix" {
  description = "Where in it, without a slash at either end; one prefix for one sequence of runs"
  type        = string
  default     = "kms"
  validation {
    condition     = can(regex("^[^/]+(/[^/]+)*$", var.reports_prefix))
    error_message = "The prefix must not be empty, nor begin or end with a slash: the policy adds one."
  }
}

variable "reports_key_arns" {
  description = "KMS keys that the reports are encrypted with (SSE-KMS)"
  type        = list(string)
  default     = []
}

variable "subnet_ids" {
  description = "Subnets for the job"
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups that let HTTPS out"
  type        = list(string)
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told of failed jobs; its policy must allow events.amazonaws.com to publish"
  type        = string
}

data "aws_region" "here" {}
data "aws_partition" "here" {}
data "aws_caller_identity" "here" {}

locals {
  job     = jsondecode(file("${path.module}/../aws/batch-job-definition.json"))
  logs    = "arn:${data.aws_partition.here.partition}:s3:::${var.logs_bucket}"
  reports = "arn:${data.aws_partition.here.partition}:s3:::${var.reports_bucket}"
  environment = merge(
    { for pair in local.job.containerProperties.environment : pair.name => pair.value },
    {
      AWS_REGION      = data.aws_region.here.name
      KEYTRAIL_OUTPUT = "s3://${var.reports_bucket}/${var.reports_prefix}"
    },
  )
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    # The service may take the role for this account only.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    # The service may take the role for this account only.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "task" {
  statement {
    sid       = "ListLogs"
    actions   = ["s3:ListBucket"]
    resources = [local.logs]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.logs_prefix}*"]
    }
  }
  statement {
    sid       = "ReadLogs"
    actions   = ["s3:GetObject"]
    resources = ["${local.logs}/${var.logs_prefix}*"]
  }
  statement {
    sid       = "ListReports"
    actions   = ["s3:ListBucket"]
    resources = [local.reports]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.reports_prefix}/*"]
    }
  }
  statement {
    sid       = "WriteReports"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${local.reports}/${var.reports_prefix}/*"]
  }
  dynamic "statement" {
    for_each = length(var.logs_key_arns) > 0 ? [1] : []
    content {
      sid       = "DecryptLogs"
      actions   = ["kms:Decrypt"]
      resources = var.logs_key_arns
      # The keys may be used through S3 only.
      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["s3.*.${data.aws_partition.here.dns_suffix}"]
      }
    }
  }
  dynamic "statement" {
    for_each = length(var.reports_key_arns) > 0 ? [1] : []
    content {
      sid       = "EncryptReports"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = var.reports_key_arns
      # The keys may be used through S3 only.
      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["s3.*.${data.aws_partition.here.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_role" "task" {
  name               = "keytrail-task"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "task" {
  name   = "keytrail"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

resource "aws_iam_role" "execution" {
  name               = "keytrail-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_cloudwatch_log_group" "keytrail" {
  name              = "/keytrail"
  retention_in_days = 90
}

resource "aws_batch_compute_environment" "keytrail" {
  compute_environment_name = "keytrail"
  type                     = "MANAGED"
  compute_resources {
    type               = "FARGATE"
    max_vcpus          = 4
    subnets            = var.subnet_ids
    security_group_ids = var.security_group_ids
  }
}

resource "aws_batch_job_queue" "keytrail" {
  name     = "keytrail"
  state    = "ENABLED"
  priority = 1
  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.keytrail.arn
  }
}

resource "aws_batch_job_definition" "keytrail" {
  name                  = local.job.jobDefinitionName
  type                  = local.job.type
  platform_capabilities = local.job.platformCapabilities
  propagate_tags        = local.job.propagateTags
  container_properties = jsonencode(merge(local.job.containerProperties, {
    image            = var.image
    command          = ["analyze", "--incremental", "s3://${var.logs_bucket}/${var.logs_prefix}"]
    environment      = [for name, value in local.environment : { name = name, value = value }]
    jobRoleArn       = aws_iam_role.task.arn
    executionRoleArn = aws_iam_role.execution.arn
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.keytrail.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "batch"
      }
    }
  }))
  timeout {
    attempt_duration_seconds = local.job.timeout.attemptDurationSeconds
  }
  retry_strategy {
    attempts = local.job.retryStrategy.attempts
    dynamic "evaluate_on_exit" {
      for_each = local.job.retryStrategy.evaluateOnExit
      content {
        action       = evaluate_on_exit.value.action
        on_exit_code = evaluate_on_exit.value.onExitCode
      }
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name               = "keytrail-scheduler"
  assume_role_policy = data.aws_iam_policy_document.scheduler.json
}

data "aws_iam_policy_document" "submit" {
  statement {
    actions   = ["batch:SubmitJob"]
    resources = [aws_batch_job_queue.keytrail.arn, "${aws_batch_job_definition.keytrail.arn_prefix}*"]
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "submit"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.submit.json
}

resource "aws_scheduler_schedule" "keytrail" {
  name                         = "keytrail"
  schedule_expression          = "cron(0 1 * * ? *)"
  schedule_expression_timezone = "UTC"
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }
  target {
    arn      = "arn:${data.aws_partition.here.partition}:scheduler:::aws-sdk:batch:submitJob"
    role_arn = aws_iam_role.scheduler.arn
    input = jsonencode({
      JobName       = "keytrail"
      JobQueue      = aws_batch_job_queue.keytrail.arn
      JobDefinition = aws_batch_job_definition.keytrail.arn
    })
  }
}

resource "aws_cloudwatch_event_rule" "failed" {
  name        = "keytrail-failed"
  description = "A nightly run of keytrail failed, or found what is worth an alarm"
  event_pattern = jsonencode({
    source      = ["aws.batch"]
    detail-type = ["Batch Job State Change"]
    detail      = { status = ["FAILED"], jobQueue = [aws_batch_job_queue.keytrail.arn] }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule = aws_cloudwatch_event_rule.failed.name
  arn  = var.alarm_topic_arn
}
