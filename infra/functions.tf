locals {
  # One source for all; each function is one entry point of functions/index.ts. Memory is that of one instance, `at_once` is
  # how many requests it takes together. `timeout` in seconds: what is pushed may take until shortly before it is pushed again.
  # Pushes and events come from inside the project; only the API is asked from elsewhere, by those whom IAM lets in.
  functions = {
    bucket = {
      description = "Takes dropped pictures into the batch of their folder."
      memory      = "1Gi"
      instances   = 10
      at_once     = 8
      timeout     = 120
      ingress     = "ALLOW_INTERNAL_ONLY"
      environment = {
        INBOX_BUCKET            = local.buckets.inbox
        DROP_QUIET_SECONDS      = tostring(var.drop_quiet_seconds)
        MAX_CONCURRENT_REQUESTS = tostring(var.items_at_once.per_instance)
      }
      secrets = {}
    }
    api = {
      description = "HTTP API, live progress and dashboard."
      memory      = "512Mi"
      instances   = 5
      at_once     = 80
      # A watcher keeps one request open.
      timeout = 3600
      ingress = "ALLOW_ALL"
      environment = {
        INBOX_BUCKET            = local.buckets.inbox
        ALLOWED_BUCKETS         = join(",", concat([local.buckets.inbox], sort(var.source_buckets)))
        MAX_RUNNING_BATCHES     = tostring(var.max_running_batches)
        MAX_CONCURRENT_REQUESTS = tostring(var.items_at_once.per_instance)
      }
      secrets = { API_TOKEN = var.api_token_secret }
    }
    process = {
      description = "One pass over one item."
      memory      = "2Gi"
      instances   = var.items_at_once.instances
      at_once     = var.items_at_once.per_instance
      timeout     = 580
      ingress     = "ALLOW_INTERNAL_ONLY"
      environment = {
        PUSH_AUDIENCE        = local.urls.process
        PUSH_SERVICE_ACCOUNT = google_service_account.push.email
      }
      secrets = { GEMINI_API_KEY = var.gemini_api_key_secret }
    }
    finalize = {
      description = "Renders the report of a batch whose items are all settled."
      memory      = "2Gi"
      instances   = 5
      at_once     = 1
      timeout     = 580
      ingress     = "ALLOW_INTERNAL_ONLY"
      environment = {
        PUSH_AUDIENCE        = local.urls.finalize
        PUSH_SERVICE_ACCOUNT = google_service_account.push.email
      }
      secrets = {}
    }
    control = {
      description = "Lists inputs, repeats what was lost, sends and fetches waves, settles what was given up."
      memory      = "2Gi"
      instances   = 5
      at_once     = 4
      timeout     = 580
      ingress     = "ALLOW_INTERNAL_ONLY"
      environment = {
        INBOX_BUCKET         = local.buckets.inbox
        BATCH_WINDOW         = tostring(max(200, min(5000, 4 * var.items_at_once.instances * var.items_at_once.per_instance)))
        MAX_BATCH_DAYS       = tostring(var.max_batch_days)
        PUSH_AUDIENCE        = local.urls.control
        PUSH_SERVICE_ACCOUNT = google_service_account.push.email
      }
      secrets = { GEMINI_API_KEY = var.gemini_api_key_secret }
    }
  }

  # What every function is told; null leaves the default of functions/settings.ts. What a push must prove is checked by the
  # function beside Cloud Run.
  environment = {
    # Where the build left what it compiled ahead (`gcp-build` in package.json); Node itself reads this.
    NODE_COMPILE_CACHE = "/workspace/.compile-cache"
    # The framework parses bodies itself; otherwise it answers a broken one with its own stack trace.
    NODE_ENV             = "production"
    GOOGLE_CLOUD_PROJECT = var.project
    FIRESTORE_DATABASE   = google_firestore_database.this.name
    DAILY_SPEND_LIMIT    = var.daily_spend_limit == null ? null : tostring(var.daily_spend_limit)
    PROCESS_TOPIC        = google_pubsub_topic.this["process"].name
    FINALIZE_TOPIC       = google_pubsub_topic.this["finalize"].name
    CONTROL_TOPIC        = google_pubsub_topic.this["control"].name
    OUTPUT_BUCKET        = local.buckets.output
    WORK_BUCKET          = local.buckets.work
    TEXT_MODEL           = var.models.text
    IMAGE_MODEL          = var.models.image
    JUDGE_MODEL          = var.models.judge
    EMBEDDING_MODEL      = var.models.embedding
    JUDGE                = var.judge
    # Without a key, Vertex AI by the function's own identity.
    GOOGLE_GENAI_USE_ENTERPRISE = var.gemini_api_key_secret == null ? "true" : null
    GOOGLE_CLOUD_LOCATION       = var.vertex_location
  }

  # The address that Cloud Run gives a service is known before there is one.
  urls = { for function in keys(local.access) : function => "https://${var.name}-${function}-${local.project_number}.${var.region}.run.app" }
}

# Only what runs: no tests, no samples, no Terraform.
data "archive_file" "source" {
  type        = "zip"
  output_path = "${path.module}/.terraform/source.zip"

  dynamic "source" {
    for_each = toset(concat(
      ["package.json", "package-lock.json"],
      [for path in fileset("${path.module}/../functions", "**") : "functions/${path}"],
    ))
    content {
      filename = source.value
      content  = file("${path.module}/../${source.value}")
    }
  }
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "${data.archive_file.source.output_sha256}.zip"
  source = data.archive_file.source.output_path
}

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-the-latest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 2
    }
  }
  cleanup_policies {
    id     = "delete-the-others"
    action = "DELETE"
    condition {
      older_than = "604800s"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  name        = "${var.name}-${each.key}"
  location    = var.region
  description = each.value.description

  build_config {
    runtime           = "nodejs24"
    entry_point       = each.key
    docker_repository = google_artifact_registry_repository.images.id
    service_account   = google_service_account.build.id
    source {
      storage_source {
        bucket = google_storage_bucket_object.source.bucket
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    available_memory                 = each.value.memory
    available_cpu                    = "1"
    min_instance_count               = 0
    max_instance_count               = each.value.instances
    max_instance_request_concurrency = each.value.at_once
    timeout_seconds                  = each.value.timeout
    ingress_settings                 = each.value.ingress
    all_traffic_on_latest_revision   = true
    environment_variables = {
      for name, value in merge(local.environment, each.value.environment) : name => value if value != null
    }

    dynamic "secret_environment_variables" {
      for_each = { for name, secret in each.value.secrets : name => secret if secret != null }
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  dynamic "event_trigger" {
    for_each = each.key == "bucket" ? [google_storage_bucket.inbox.name] : []
    content {
      event_type            = "google.cloud.storage.object.v1.finalized"
      trigger_region        = var.region
      service_account_email = google_service_account.trigger.email
      # Without it, a failure counts as success and the picture is lost.
      retry_policy = "RETRY_POLICY_RETRY"
      event_filters {
        attribute = "bucket"
        value     = event_trigger.value
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_project_iam_member.storage_events,
    google_project_iam_member.trigger,
    google_secret_manager_secret_iam_member.function,
  ]
}
