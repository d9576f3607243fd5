resource "google_cloud_tasks_queue" "of" {
  for_each        = local.queues
  project         = var.project
  location        = var.region
  name            = each.key
  deletion_policy = var.protect ? "PREVENT" : "DELETE" # the name of a deleted queue cannot be used for a week

  rate_limits {
    max_concurrent_dispatches = each.value.rate_limits.max_concurrent_dispatches
    max_dispatches_per_second = each.value.rate_limits.max_dispatches_per_second
  }

  retry_config {
    max_attempts       = each.value.retry_config.max_attempts
    max_retry_duration = each.value.retry_config.max_retry_duration
    min_backoff        = each.value.retry_config.min_backoff
    max_backoff        = each.value.retry_config.max_backoff
    max_doublings      = each.value.retry_config.max_doublings
  }

  stackdriver_logging_config {
    sampling_ratio = 0 # the functions log their own events; a task's URL tells nothing more
  }

  depends_on = [google_project_service.used]
}
