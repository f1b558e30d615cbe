output "inbox" {
  description = "Where pictures are dropped, each folder a batch."
  value       = "gs://${google_storage_bucket.inbox.name}"
}

output "results" {
  description = "Where results go, each batch a folder."
  value       = "gs://${google_storage_bucket.output.name}"
}

output "api" {
  description = "Address of the HTTP API and the dashboard."
  value       = local.urls.api
}

output "api_service" {
  description = "Name of the service behind the API, for `gcloud run services proxy`."
  value       = google_cloudfunctions2_function.this["api"].name
}

output "database" {
  description = "Firestore database with batches and items."
  value       = google_firestore_database.this.name
}

output "dead_letters" {
  description = "Subscription with the messages that were given up."
  value       = google_pubsub_subscription.dead.name
}

output "identities" {
  description = "E-mail of each function's service account, for rights in other projects."
  value       = { for function, account in google_service_account.function : function => account.email }
}
