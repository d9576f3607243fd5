# The settings of the functions: the names are those of functions.yaml, and a test holds both to the code.
locals {
  pages_url = coalesce(var.public_base_url, "${local.base_url}/dashboard")
  api_url   = coalesce(var.public_base_url, "${local.base_url}/recordings")

  access = concat(var.access, var.auth_mode == "iam" ? [{ who = local.smoke_tester, role = "admin", companies = null }] : [])

  #: Cloud Run's address of a service, known before it is there.
  engine_url = coalesce(var.engine_url, "https://calltrack-engine-${data.google_project.this.number}.${var.region}.run.app")

  settings = {
    for name, function in local.functions : name => {
      ACCESS                     = contains(function.callers, "people") && var.auth_mode != "token" ? jsonencode(local.access) : ""
      AUTH_MODE                  = contains(function.callers, "people") ? var.auth_mode : "iam"
      BUCKET_SCAN_INTERVAL_H     = lookup(var.settings, "BUCKET_SCAN_INTERVAL_H", "")
      COLLECT_QUEUE              = google_cloud_tasks_queue.of["collect-results"].name
      CONFIDENCE_THRESHOLD       = lookup(var.settings, "CONFIDENCE_THRESHOLD", "")
      DATASTORE_DATABASE         = google_firestore_database.calls.name
      DISPATCH_QUEUE             = google_cloud_tasks_queue.of["dispatch-jobs"].name
      EVENTS_SERVICE_ACCOUNT     = local.email.events
      GOOGLE_CLOUD_PROJECT       = var.project
      IAP_AUDIENCE               = var.auth_mode == "iap" && contains(function.callers, "people") ? lookup(var.iap_audiences, name, "/projects/${data.google_project.this.number}/locations/${var.region}/services/${local.services[name]}") : ""
      JOB_LIMIT_S                = lookup(var.settings, "JOB_LIMIT_S", "")
      PUBLIC_BASE_URL            = name == "recordings" ? local.api_url : local.pages_url
      RECORDINGS_BUCKET          = google_storage_bucket.recordings.name
      RETRY_NOT_ACCEPTED_H       = lookup(var.settings, "RETRY_NOT_ACCEPTED_H", "")
      RETRY_RESULTS_H            = lookup(var.settings, "RETRY_RESULTS_H", "")
      RETRY_UNKNOWN_OUTCOMES     = lookup(var.settings, "RETRY_UNKNOWN_OUTCOMES", "")
      SHARE_BASE_URL             = local.pages_url
      SIGNATURES_CHECKED_BY_IAM  = !contains(function.callers, "public") && (!contains(function.callers, "people") || var.auth_mode == "iam") ? "true" : ""
      SUBMIT_QUEUE               = google_cloud_tasks_queue.of["submit-job"].name
      SWEEP_FLOOR_S              = lookup(var.settings, "SWEEP_FLOOR_S", "")
      SWEEP_INTERVAL_S           = tostring(var.sweep_minutes * 60)
      SYMBL_API_URL              = local.engine_url
      SYMBL_MAX_ACTIVE_JOBS      = tostring(var.max_active_jobs)
      TASKS_LOCATION             = var.region
      TASKS_SERVICE_ACCOUNT      = local.email.tasks
      TASKS_TARGET_BASE_URL      = local.base_url
      URL_SIGNER_SERVICE_ACCOUNT = function.signs_urls ? local.email[name] : ""
      WEBHOOK_BASE_URL           = "${local.base_url}/symbl_webhook"
      WITHHELD_SECRETS           = join(",", setsubtract(["SYMBL_APP_ID", "SYMBL_APP_SECRET", "WEBHOOK_SECRETS"], function.secrets))
    }
  }
}
