locals {
  inbox_bucket  = coalesce(var.inbox_bucket, "${var.project}-${var.name}-inbox")
  output_bucket = coalesce(var.output_bucket, "${var.project}-${var.name}-output")

  # By the word that access.tf has for them.
  buckets = {
    inbox  = google_storage_bucket.inbox.name
    output = google_storage_bucket.output.name
    work   = google_storage_bucket.work.name
  }
}

# Pictures are dropped here and deleted later: their originals are elsewhere, so nothing is kept after a deletion.
resource "google_storage_bucket" "inbox" {
  name                        = local.inbox_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.keep_data

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    condition {
      age = var.inbox_days
    }
    action {
      type = "Delete"
    }
  }

  # Pieces that upload tools leave behind when they are interrupted.
  lifecycle_rule {
    condition {
      age            = 1
      matches_prefix = ["gcloud/tmp/", "gsutil/tmp/"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.this]
}

# Results, for people. What is deleted or replaced can be brought back for a week.
resource "google_storage_bucket" "output" {
  name                        = local.output_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.keep_data

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.this]
}

# Paid answers and checked pictures by content: what `resume` replays. Kept like the results.
resource "google_storage_bucket" "work" {
  name                        = "${var.project}-${var.name}-work"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.keep_data

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.this]
}

# What the functions are built from.
resource "google_storage_bucket" "source" {
  name                        = "${var.project}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  depends_on = [google_project_service.this]
}
