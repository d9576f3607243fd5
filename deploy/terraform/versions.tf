# Everything that the pipeline is made of. What it stands on (the engine's image and service, logs, budget, an address of
# its own) is in platform/, with a state of its own, since it changes rarely.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # The bucket is given by `terraform init -backend-config=bucket=...`: see deploy/bootstrap.sh.
  backend "gcs" {
    prefix = "calltrack/pipeline"
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
