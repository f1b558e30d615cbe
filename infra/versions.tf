terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  # Where the state is kept is said at `terraform init`: see README.md.
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "2.7.1"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # The rules of Firestore want to know whose quota their requests count against.
  user_project_override = true
  billing_project       = var.project

  default_labels = {
    app = var.name
  }
}

data "google_project" "this" {}

locals {
  project_number = data.google_project.this.number
}
