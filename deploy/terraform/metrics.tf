locals {
  monitoring = yamldecode(file("${local.deploy}/monitoring.yaml"))
  ours = format(
    "resource.type=\"cloud_run_revision\" AND resource.labels.location=\"%s\" AND resource.labels.service_name=(%s)",
    var.region,
    join(" OR ", [for service in sort(values(local.services)) : "\"${service}\""]),
  )
  metric_type = { for name, _ in local.monitoring.metrics : name => "logging.googleapis.com/user/calltrack/${name}" }
}

resource "google_logging_metric" "of" {
  for_each        = local.monitoring.metrics
  project         = var.project
  name            = "calltrack/${each.key}"
  description     = each.value.title
  filter          = "${local.ours} AND ${each.value.where}"
  value_extractor = try("EXTRACT(jsonPayload.${each.value.value})", null)

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit         = try(each.value.unit, "1")
    display_name = each.value.title

    dynamic "labels" {
      for_each = try([each.value.label], [])
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  label_extractors = try({ (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }, null)

  dynamic "bucket_options" {
    for_each = try([each.value.value], [])
    content {
      exponential_buckets {
        num_finite_buckets = 40
        growth_factor      = 1.5
        scale              = 1
      }
    }
  }

  depends_on = [google_project_service.used]
}
