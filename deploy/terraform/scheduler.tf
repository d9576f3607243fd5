# The scheduler never starts a second run of one job while the first has not ended.
resource "google_cloud_scheduler_job" "sweep" {
  project          = var.project
  region           = var.region
  name             = "sweep-jobs"
  description      = "Repairs what got stuck, and keeps the slots full."
  schedule         = var.sweep_minutes == 60 ? "0 * * * *" : "*/${var.sweep_minutes} * * * *"
  time_zone        = "Etc/UTC" # no hour is left out or comes twice
  attempt_deadline = "${local.functions.sweep_jobs.timeout_s + 10}s"

  retry_config {
    retry_count = var.sweep_minutes > 5 ? 3 : 0 # the next run is the retry
  }

  http_target {
    http_method = "POST"
    uri         = "${local.base_url}/sweep_jobs"

    oidc_token {
      service_account_email = local.email.tasks
      audience              = "${local.base_url}/sweep_jobs"
    }
  }

  depends_on = [google_cloudfunctions2_function.of]
}
