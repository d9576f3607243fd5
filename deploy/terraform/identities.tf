# One service account for each function, one for whoever calls them on our behalf.
resource "google_service_account" "of" {
  for_each = merge(
    { for name, service in local.services : name => { id = "ct-${service}", of = "the function ${name}" } },
    {
      tasks  = { id = "ct-tasks", of = "Cloud Tasks and Cloud Scheduler, when they call functions" }
      events = { id = "ct-events", of = "the recordings bucket's events" }
    },
  )
  project      = var.project
  account_id   = each.value.id
  display_name = "Calltrack: ${each.value.of}"
  depends_on   = [google_project_service.used]
}

locals {
  #: As `email` of the resource, and known before it is there.
  email = { for name, account in google_service_account.of : name => "${account.account_id}@${var.project}.iam.gserviceaccount.com" }
}

# What a function may do

resource "google_project_iam_member" "datastore" {
  for_each = local.functions
  project  = var.project
  role     = "roles/datastore.user"
  member   = "serviceAccount:${local.email[each.key]}"

  condition {
    title      = "this-database-alone"
    expression = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}

resource "google_storage_bucket_iam_member" "recordings" {
  for_each = { for name, function in local.functions : name => function.bucket if function.bucket != "none" }
  bucket   = google_storage_bucket.recordings.name
  role     = each.value == "write" ? "roles/storage.objectUser" : "roles/storage.objectViewer"
  member   = "serviceAccount:${local.email[each.key]}"
}

resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = merge([
    for name, function in local.functions : { for queue in function.enqueues : "${name}/${queue}" => { function = name, queue = queue } }
  ]...)
  project  = var.project
  location = var.region
  name     = google_cloud_tasks_queue.of[each.value.queue].name
  role     = "roles/cloudtasks.enqueuer"
  member   = "serviceAccount:${local.email[each.value.function]}"
}

# `./calltrack doctor` asks whether the queues are there.
resource "google_cloud_tasks_queue_iam_member" "viewer" {
  for_each = local.queues
  project  = var.project
  location = var.region
  name     = google_cloud_tasks_queue.of[each.key].name
  role     = "roles/cloudtasks.viewer"
  member   = "serviceAccount:${local.email.dashboard}"
}

# Whoever makes a task that calls as somebody must be allowed to act as them.
resource "google_service_account_iam_member" "acts_as_tasks" {
  for_each           = { for name, function in local.functions : name => function if length(function.enqueues) > 0 }
  service_account_id = google_service_account.of["tasks"].name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${local.email[each.key]}"
}

# Signs URLs as itself, without a key file: the role on the account itself, not on the project.
resource "google_service_account_iam_member" "signs_as_itself" {
  for_each           = { for name, function in local.functions : name => function if function.signs_urls }
  service_account_id = google_service_account.of[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${local.email[each.key]}"
}

# The bucket's events

resource "google_project_iam_member" "events_receiver" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = "serviceAccount:${local.email.events}"
}

data "google_storage_project_service_account" "this" {
  project = var.project
}

resource "google_project_iam_member" "storage_publishes" {
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
}
