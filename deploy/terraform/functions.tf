# Builds the functions' images, in place of the default account of Compute Engine.
resource "google_service_account" "builder" {
  project      = var.project
  account_id   = "ct-functions-builder"
  display_name = "Calltrack: builds the functions' images"
  depends_on   = [google_project_service.used]
}

locals {
  builder = "serviceAccount:${google_service_account.builder.account_id}@${var.project}.iam.gserviceaccount.com"
}

resource "google_project_iam_member" "builder" {
  for_each = toset(["roles/logging.logWriter", "roles/artifactregistry.writer"])
  project  = var.project
  role     = each.key
  member   = local.builder
}

# Cloud Functions copies the source into a bucket of its own; the recordings are none of the builder's business.
resource "google_project_iam_member" "builder_reads_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = local.builder

  condition {
    title      = "the-sources-of-functions-alone"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\") || resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.source.name}/\")"
  }
}

locals {
  #: Who has an address of their own for pages and API is not reached past it.
  ingress = {
    for name, function in local.functions : name => (
      contains(function.callers, "public") ? "ALLOW_ALL" :
      !contains(function.callers, "people") ? var.internal_ingress :
      var.public_base_url == null ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB"
    )
  }
}

resource "google_cloudfunctions2_function" "of" {
  for_each = local.functions
  project  = var.project
  location = var.region
  name     = each.key

  build_config {
    runtime         = "python313"
    entry_point     = each.key
    service_account = google_service_account.builder.name

    source {
      storage_source {
        bucket = google_storage_bucket_object.source.bucket
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = local.email[each.key]
    available_memory                 = each.value.memory
    available_cpu                    = "1" # less allows one call at a time only
    timeout_seconds                  = each.value.timeout_s
    max_instance_count               = each.value.max_instances
    max_instance_request_concurrency = each.value.concurrency
    ingress_settings                 = local.ingress[each.key]
    all_traffic_on_latest_revision   = true

    # An empty value counts as not given.
    environment_variables = merge(
      { for setting, value in local.settings[each.key] : setting => value if value != "" },
      { THREADS = tostring(each.value.concurrency) },
    )

    dynamic "secret_environment_variables" {
      for_each = local.secrets_of[each.key]
      content {
        project_id = var.project
        key        = secret_environment_variables.value
        secret     = google_secret_manager_secret.of[secret_environment_variables.value].secret_id
        version    = local.secret_versions[secret_environment_variables.value]
      }
    }
  }

  dynamic "event_trigger" {
    for_each = each.value.trigger == "storage" ? [local.bucket] : []
    content {
      trigger_region        = var.region
      event_type            = "google.cloud.storage.object.v1.finalized"
      retry_policy          = "RETRY_POLICY_RETRY" # by default an event that fails once is lost
      service_account_email = local.email.events

      event_filters {
        attribute = "bucket"
        value     = event_trigger.value
      }
    }
  }

  depends_on = [
    google_project_iam_member.builder,
    google_project_iam_member.builder_reads_source,
    google_project_iam_member.events_receiver,
    google_project_iam_member.storage_publishes,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket.recordings,
  ]
}
