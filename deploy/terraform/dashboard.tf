locals {
  #: A chart for each metric; Google's own of the functions and the queues after them.
  charts = concat(
    [
      for name, metric in local.monitoring.metrics : {
        title   = metric.title
        filter  = "metric.type=\"${local.metric_type[name]}\""
        aligner = can(metric.value) ? "ALIGN_PERCENTILE_99" : "ALIGN_DELTA"
        reducer = can(metric.value) ? "REDUCE_MAX" : "REDUCE_SUM"
        group   = try(["metric.label.${metric.label}"], [])
      } if !startswith(name, "slots_full") && !startswith(name, "slots_idle")
    ],
    [
      {
        title   = "Answers of the functions"
        filter  = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\""
        aligner = "ALIGN_DELTA"
        reducer = "REDUCE_SUM"
        group   = ["resource.label.service_name", "metric.label.response_code_class"]
      },
      {
        title   = "How long they take (99th percentile, ms)"
        filter  = "metric.type=\"run.googleapis.com/request_latencies\" resource.type=\"cloud_run_revision\""
        aligner = "ALIGN_PERCENTILE_99"
        reducer = "REDUCE_MAX"
        group   = ["resource.label.service_name"]
      },
      {
        title   = "Tasks in the queues"
        filter  = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" resource.type=\"cloud_tasks_queue\""
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_SUM"
        group   = ["resource.label.queue_id"]
      },
    ],
  )
}

resource "google_monitoring_dashboard" "pipeline" {
  project = var.project

  dashboard_json = jsonencode({
    displayName = "Calltrack"
    gridLayout = {
      columns = "3"
      widgets = [
        for chart in local.charts : {
          title = chart.title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = chart.filter
                  aggregation = {
                    alignmentPeriod    = "300s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.reducer
                    groupByFields      = chart.group
                  }
                }
              }
            }]
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.of]
}
