locals {
  # The topic of each kind of message, and the function that gets it. `dead` has what the others gave up.
  topics = {
    process  = { function = "process" }
    finalize = { function = "finalize" }
    control  = { function = "control" }
    dead     = { function = "control" }
  }

  # In seconds. For a push, the acknowledgement deadline is also how long the request may take.
  ack_deadline = 600

  # A week for work; a month for what was given up, so that nobody has to hurry.
  retention = { work = "604800s", dead = "2678400s" }

  # The message of every minute.
  tick = { kind = "tick" }

  pubsub_agent = "serviceAccount:service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  name       = "${var.name}-${each.key}"
  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "work" {
  for_each = { for key, topic in local.topics : key => topic if key != "dead" }

  name                       = "${var.name}-${each.key}"
  topic                      = google_pubsub_topic.this[each.key].id
  ack_deadline_seconds       = local.ack_deadline
  message_retention_duration = local.retention.work

  push_config {
    push_endpoint = local.urls[each.value.function]
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = local.urls[each.value.function]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # Attempts are counted in the items; a message is given back for many good reasons (busy, paused, not yet due).
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["dead"].id
    max_delivery_attempts = 100
  }

  # Never expires: a deployment may be idle for months.
  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters, google_cloud_run_v2_service_iam_member.push]
}

# What was given up ends its item as `error`, through the same claim as any work. Given back until that is done.
resource "google_pubsub_subscription" "dead" {
  name                       = "${var.name}-dead"
  topic                      = google_pubsub_topic.this["dead"].id
  ack_deadline_seconds       = local.ack_deadline
  message_retention_duration = local.retention.dead

  push_config {
    # The path tells the function that the message was given up.
    push_endpoint = "${local.urls[local.topics.dead.function]}/dead-letters"
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = local.urls[local.topics.dead.function]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push]
}

# Begins what is due and repeats what was lost.
resource "google_cloud_scheduler_job" "tick" {
  name      = "${var.name}-tick"
  region    = var.region
  schedule  = "* * * * *"
  time_zone = "Etc/UTC"
  paused    = false

  pubsub_target {
    topic_name = google_pubsub_topic.this["control"].id
    data       = base64encode(jsonencode(local.tick))
    attributes = local.tick
  }

  depends_on = [google_project_service.this]
}
