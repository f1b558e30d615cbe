# Who may do what. Nobody has more than is listed here; the tests hold a second list and compare.

locals {
  # One identity per function: the roles it has on each bucket, the topics it publishes to, whether it asks models.
  # To replace an object takes the right to delete it, so who writes results or stores answers again is an objectUser.
  access = {
    bucket = {
      buckets     = { inbox = ["roles/storage.objectViewer"], work = ["roles/storage.objectViewer", "roles/storage.objectCreator"] }
      topics      = ["control"]
      asks_models = false
    }
    api = {
      buckets     = { inbox = ["roles/storage.objectViewer"], output = ["roles/storage.objectUser"] }
      topics      = ["process", "finalize", "control"]
      asks_models = false
    }
    process = {
      buckets     = { inbox = ["roles/storage.objectViewer"], output = ["roles/storage.objectUser"], work = ["roles/storage.objectUser"] }
      topics      = ["process", "finalize"]
      asks_models = true
    }
    finalize = {
      buckets     = { output = ["roles/storage.objectUser"], work = ["roles/storage.objectViewer", "roles/storage.objectCreator"] }
      topics      = ["process", "finalize"]
      asks_models = false
    }
    control = {
      buckets     = { inbox = ["roles/storage.objectViewer"], output = ["roles/storage.objectUser"], work = ["roles/storage.objectUser"] }
      topics      = ["process", "finalize", "control"]
      asks_models = true
    }
  }

  # Who reads the pictures of further buckets.
  source_readers = ["api", "process", "control"]
}

resource "google_service_account" "function" {
  for_each = local.access

  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name}: function ${each.key}"
  depends_on   = [google_project_service.this]
}

# Firestore has no rights for less than a database.
resource "google_project_iam_member" "database" {
  for_each = local.access

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.function[each.key].member

  condition {
    title      = "this database alone"
    expression = "resource.name == \"projects/${var.project}/databases/${var.firestore_database}\""
  }
}

resource "google_project_iam_member" "models" {
  for_each = { for function, access in local.access : function => access if access.asks_models }

  project = var.project
  role    = "roles/aiplatform.user"
  member  = google_service_account.function[each.key].member
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = merge(flatten([for function, access in local.access : [
    for bucket, roles in access.buckets : {
      for role in roles : "${function} ${bucket} ${role}" => { function = function, bucket = bucket, role = role }
    }
  ]])...)

  bucket = local.buckets[each.value.bucket]
  role   = each.value.role
  member = google_service_account.function[each.value.function].member
}

resource "google_storage_bucket_iam_member" "sources" {
  for_each = { for pair in setproduct(local.source_readers, var.source_buckets) : join(" ", pair) => pair }

  bucket = each.value[1]
  role   = "roles/storage.objectViewer"
  member = google_service_account.function[each.value[0]].member
}

resource "google_pubsub_topic_iam_member" "function" {
  for_each = merge([for function, access in local.access : {
    for topic in access.topics : "${function} ${topic}" => { function = function, topic = topic }
  }]...)

  topic  = google_pubsub_topic.this[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.function[each.value.function].member
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = merge([for function, settings in local.functions : {
    for name, secret in settings.secrets : "${function} ${name}" => { function = function, secret = secret } if secret != null
  }]...)

  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}

# Pub/Sub calls the functions as `push`.
resource "google_service_account" "push" {
  account_id   = "${var.name}-push"
  display_name = "${var.name}: pushes messages"
  depends_on   = [google_project_service.this]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = toset([for topic in local.topics : topic.function])

  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

resource "google_service_account_iam_member" "push" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.this["dead"].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = google_pubsub_subscription.work

  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Eventarc calls the function of the bucket as `trigger`.
resource "google_service_account" "trigger" {
  account_id   = "${var.name}-trigger"
  display_name = "${var.name}: brings events of the inbox"
  depends_on   = [google_project_service.this]
}

resource "google_project_iam_member" "trigger" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.trigger.member
}

resource "google_cloud_run_v2_service_iam_member" "trigger" {
  location = var.region
  name     = google_cloudfunctions2_function.this["bucket"].name
  role     = "roles/run.invoker"
  member   = google_service_account.trigger.member
}

# Cloud Storage publishes its events to a topic that Eventarc makes, so this cannot be given for one topic.
data "google_storage_project_service_account" "this" {
  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "storage_events" {
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = data.google_storage_project_service_account.this.member
}

# People and services that may use the API.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  location = var.region
  name     = google_cloudfunctions2_function.this["api"].name
  role     = "roles/run.invoker"
  member   = each.value
}

# Builds the functions. It may read their sources and nothing else of the project's buckets.
resource "google_service_account" "build" {
  account_id   = "${var.name}-build"
  display_name = "${var.name}: builds the functions"
  depends_on   = [google_project_service.this]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_project_iam_member" "build_sources" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "sources of functions alone"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
