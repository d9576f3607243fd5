resource "google_firestore_database" "calls" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.region
  type                              = "DATASTORE_MODE"
  concurrency_mode                  = "PESSIMISTIC" # a claim waits for another one instead of failing at its commit
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.protect ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.protect ? "PREVENT" : "DELETE"
  depends_on                        = [google_project_service.used]
}

resource "google_firestore_index" "declared" {
  for_each = {
    for index in local.indexes : join(" ", concat([index.kind], [
      for property in index.properties : "${property.name}${try(property.direction, "asc") == "desc" ? "-" : ""}"
    ])) => index
  }
  project     = var.project
  database    = google_firestore_database.calls.name
  collection  = each.value.kind
  api_scope   = "DATASTORE_MODE_API"
  query_scope = "COLLECTION_RECURSIVE"
  density     = "SPARSE_ALL"

  dynamic "fields" {
    for_each = each.value.properties
    content {
      field_path = fields.value.name
      order      = try(fields.value.direction, "asc") == "desc" ? "DESCENDING" : "ASCENDING"
    }
  }
}

resource "google_firestore_field" "ttl" {
  for_each   = { for policy in local.ttl : policy.kind => policy.property }
  project    = var.project
  database   = google_firestore_database.calls.name
  collection = each.key
  field      = each.value

  ttl_config {}
}

resource "google_firestore_backup_schedule" "daily" {
  project   = var.project
  database  = google_firestore_database.calls.name
  retention = "604800s" # 7 days

  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  project   = var.project
  database  = google_firestore_database.calls.name
  retention = "8467200s" # 14 weeks, the longest there is

  weekly_recurrence {
    day = "SUNDAY"
  }
}
