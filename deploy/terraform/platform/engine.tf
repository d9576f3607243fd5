# One instance that is always there: a job goes on after its answer, and its state is on the instance alone. What a restart
# loses, the pipeline finds missing and submits again: see docs/decisions/2026-11-23-engine-on-cloud-run.md.
locals {
  engine          = toset(var.engine && var.engine_image != null ? ["engine"] : [])
  secret_versions = merge({ SYMBL_APP_ID = "1", SYMBL_APP_SECRET = "1" }, var.secret_versions)
  credentials = {
    ENGINE_APP_ID     = { secret = "calltrack-symbl-app-id", version = local.secret_versions.SYMBL_APP_ID }
    ENGINE_APP_SECRET = { secret = "calltrack-symbl-app-secret", version = local.secret_versions.SYMBL_APP_SECRET }
  }
}

resource "google_service_account" "engine" {
  for_each     = local.engine
  project      = var.project
  account_id   = "ct-engine"
  display_name = "Calltrack: the engine"
}

resource "google_secret_manager_secret_iam_member" "engine" {
  for_each  = length(local.engine) == 0 ? {} : local.credentials
  project   = var.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.engine["engine"].account_id}@${var.project}.iam.gserviceaccount.com"
}

resource "google_cloud_run_v2_service" "engine" {
  for_each            = local.engine
  project             = var.project
  location            = var.region
  name                = "calltrack-engine"
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false

  template {
    service_account                  = google_service_account.engine["engine"].email
    timeout                          = "900s"
    max_instance_request_concurrency = 80

    scaling {
      min_instance_count = 1
      max_instance_count = 1
    }

    containers {
      image = var.engine_image

      ports {
        container_port = 8090
      }

      resources {
        limits            = { cpu = tostring(var.engine_cpu), memory = var.engine_memory }
        cpu_idle          = false # it works between the calls
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = {
          ENGINE_MAX_ACTIVE_JOBS = tostring(var.engine_max_active_jobs)
          ENGINE_PUBLIC_URL      = "https://calltrack-engine-${data.google_project.this.number}.${var.region}.run.app"
          ENGINE_WORKERS         = tostring(var.engine_cpu)
        }
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.credentials
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 5
        failure_threshold = 24
        http_get {
          path = "/ready"
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 10
        failure_threshold = 4
        http_get {
          path = "/health"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.engine]
}

# Its contract has credentials of its own, in the header that Cloud Run's would take.
resource "google_cloud_run_v2_service_iam_member" "engine_is_called" {
  for_each = local.engine
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.engine["engine"].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}
