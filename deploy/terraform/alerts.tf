resource "google_monitoring_notification_channel" "email" {
  for_each     = var.alert_emails
  project      = var.project
  type         = "email"
  display_name = each.key
  labels       = { email_address = each.key }
  depends_on   = [google_project_service.used]
}

locals {
  alerts = {
    for name, alert in local.monitoring.alerts : name => merge(alert, {
      above = try(
        alert.above == "daily_submissions_expected" ? var.daily_submissions_expected :
        startswith(alert.metric, "slots_") ? floor(alert.above / var.sweep_minutes) :
        tonumber(alert.above),
        tonumber(alert.above),
        null,
      )
      absent = can(alert.absent_s)
      filter = can(alert.metric) ? (
        "metric.type=\"${local.metric_type[alert.metric]}\" AND resource.type=\"cloud_run_revision\""
        ) : (
        "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${alert.service}\" AND metric.labels.response_code_class=\"5xx\""
      )
      aligner = can(local.monitoring.metrics[alert.metric].value) ? "ALIGN_PERCENTILE_99" : "ALIGN_DELTA"
      reducer = can(local.monitoring.metrics[alert.metric].value) ? "REDUCE_MAX" : "REDUCE_SUM"
    })
  }
}

resource "google_monitoring_alert_policy" "of" {
  for_each     = local.alerts
  project      = var.project
  display_name = "Calltrack: ${each.value.title}"
  combiner     = "OR"
  severity     = each.value.severity

  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  documentation {
    mime_type = "text/markdown"
    subject   = "Calltrack: ${each.value.title}"
    content   = file("${path.module}/../../docs/howto/runbook/${each.key}.md")
  }

  conditions {
    display_name = each.value.title

    dynamic "condition_threshold" {
      for_each = each.value.absent ? [] : [each.value]
      content {
        filter                  = condition_threshold.value.filter
        comparison              = "COMPARISON_GT"
        threshold_value         = condition_threshold.value.above
        duration                = "0s"
        evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"

        aggregations {
          alignment_period     = "${condition_threshold.value.within_s}s"
          per_series_aligner   = condition_threshold.value.aligner
          cross_series_reducer = condition_threshold.value.reducer
        }
      }
    }

    dynamic "condition_absent" {
      for_each = each.value.absent ? [each.value] : []
      content {
        filter   = condition_absent.value.filter
        duration = "${max(condition_absent.value.absent_s, var.sweep_minutes * 180)}s"

        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = condition_absent.value.aligner
          cross_series_reducer = condition_absent.value.reducer
        }
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.of]
}
