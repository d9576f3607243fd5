# What the pipeline stands on: the engine, an address of its own, what the logs leave out, a budget. A state of its own.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  backend "gcs" {
    prefix = "calltrack/platform"
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project # budgets ask for one
  user_project_override = true
}

data "google_project" "this" {
  project_id = var.project
}
