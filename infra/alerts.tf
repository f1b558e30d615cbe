# What somebody should be told. Only made when there is a channel to tell it by: alert conditions cost money.

locals {
  alerts = {
    dead_letters = {
      title = "messages were given up"
      text  = "A message came back 100 times. Its item ends as error with the code dead_lettered; the log says why: look for 'message dead-lettered'."
      # Every message that is forwarded.
      filter    = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=monitoring.regex.full_match(\"${var.name}-.*\")"
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      threshold = 0
      lasts     = "0s"
    }
    errors = {
      title     = "errors in the log"
      text      = "The functions logged more errors than a few retries explain. See infra/README.md, How to watch."
      filter    = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.errors.name}\" resource.type=\"cloud_run_revision\""
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      threshold = 10
      lasts     = "0s"
    }
    standing = {
      title     = "a batch stands still"
      text      = "A batch has open items and settles none, although they were announced again several times. `GET /api/batches` says which and why."
      filter    = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.standing.name}\" resource.type=\"cloud_run_revision\""
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      threshold = 0
      lasts     = "0s"
    }
    stuck = {
      title     = "a queue does not move"
      text      = "The oldest message of a queue is older than ${var.alert_after_minutes} minutes. A batch may wait for a quota, or its function fails; the batch's state and the log say which."
      filter    = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=monitoring.regex.full_match(\"${var.name}-(process|finalize|control|dead)\")"
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      threshold = var.alert_after_minutes * 60
      lasts     = "600s"
    }
    events = {
      title     = "dropped pictures are not taken in"
      text      = "The function of the inbox answers with errors. Events are kept for a day: mend it before they are dropped, or upload the pictures again."
      filter    = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\" resource.label.service_name=\"${var.name}-bucket\" metric.label.response_code_class=\"5xx\""
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      threshold = 10
      lasts     = "0s"
    }
  }

  is_watched = length(var.notification_channels) > 0
}

resource "google_logging_metric" "errors" {
  name        = "${var.name}-errors"
  description = "Errors that the functions log."
  filter      = "resource.type=\"cloud_run_revision\" resource.labels.service_name=~\"^${var.name}-\" severity>=ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "standing" {
  name        = "${var.name}-standing"
  description = "Batches that stand still after their open items were announced again twice."
  filter      = "resource.type=\"cloud_run_revision\" resource.labels.service_name=\"${var.name}-control\" jsonPayload.message=\"the batch stands still: open items are announced again\" jsonPayload.round>=2"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = { for key, alert in local.alerts : key => alert if local.is_watched }

  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = var.notification_channels

  documentation {
    content = each.value.text
  }

  conditions {
    display_name = each.value.title
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = each.value.lasts
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
    }
  }
}

# The minute's message did not arrive or was not done with: nothing is repeated that was lost.
resource "google_monitoring_alert_policy" "tick" {
  count = local.is_watched ? 1 : 0

  display_name          = "${var.name}: the clock stands still"
  combiner              = "OR"
  notification_channels = var.notification_channels

  documentation {
    content = "The function control has answered nothing for 15 minutes although it is called every minute. Is the scheduler job ${google_cloud_scheduler_job.tick.name} paused?"
  }

  conditions {
    display_name = "no tick done"
    condition_absent {
      filter   = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\" resource.label.service_name=\"${var.name}-control\" metric.label.response_code_class=\"2xx\""
      duration = "900s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}
