# What must hold of the plan, whatever else changes. The provider is mocked: `terraform test` needs no project.
mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
  mock_data "google_storage_project_service_account" {
    defaults = {
      email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    }
  }
}

variables {
  project      = "calls-prod"
  region       = "europe-west1"
  people       = ["group:qa@example.com"]
  alert_emails = ["oncall@example.com"]
}

run "who_may_call_what" {
  command = plan

  assert {
    condition = toset(keys(local.invokers)) == toset([
      "symbl_webhook/public/allUsers",
      "dashboard/people/group:qa@example.com",
      "recordings/people/group:qa@example.com",
      "dashboard/people/serviceAccount:ct-build@calls-prod.iam.gserviceaccount.com",
      "recordings/people/serviceAccount:ct-build@calls-prod.iam.gserviceaccount.com",
      "ingest_recording/events/serviceAccount:ct-events@calls-prod.iam.gserviceaccount.com",
      "ingest_recording/tasks/serviceAccount:ct-tasks@calls-prod.iam.gserviceaccount.com",
      "dispatch_jobs/tasks/serviceAccount:ct-tasks@calls-prod.iam.gserviceaccount.com",
      "submit_job/tasks/serviceAccount:ct-tasks@calls-prod.iam.gserviceaccount.com",
      "collect_results/tasks/serviceAccount:ct-tasks@calls-prod.iam.gserviceaccount.com",
      "sweep_jobs/tasks/serviceAccount:ct-tasks@calls-prod.iam.gserviceaccount.com",
    ])
    error_message = "The webhook is public, pages and API are for the people named and the smoke test, everything else for our own accounts."
  }

  assert {
    condition     = alltrue([for key, one in google_cloud_run_v2_service_iam_member.invoker : one.role == "roles/run.invoker" && one.member == local.invokers[key].member])
    error_message = "A caller may call, and nothing else."
  }

  assert {
    condition = toset([for name, function in google_cloudfunctions2_function.of : name if function.service_config[0].ingress_settings == "ALLOW_ALL"]) == toset([
      "dashboard", "recordings", "symbl_webhook",
    ])
    error_message = "What is for tasks and events cannot be reached from the internet at all."
  }
}

run "a_token_is_checked_by_the_functions" {
  command = plan

  variables {
    auth_mode = "token"
    people    = []
  }

  assert {
    condition     = toset([for one in values(local.invokers) : one.function if one.member == "allUsers"]) == toset(["dashboard", "recordings", "symbl_webhook"])
    error_message = "Cloud Run lets pages and API through, where the functions check the token; nothing else opens."
  }

  assert {
    condition     = alltrue([for name, settings in local.settings : settings.AUTH_MODE == (contains(["dashboard", "recordings"], name) ? "token" : "iam")])
    error_message = "Only what people call checks tokens of people."
  }

  assert {
    condition     = toset([for key, _ in google_secret_manager_secret_iam_member.reader : split("/", key)[0] if endswith(key, "/API_TOKENS")]) == toset(["dashboard", "recordings"])
    error_message = "The hashes of tokens are given to who checks them."
  }
}

run "iap_stands_before_pages_and_api" {
  command = plan

  variables {
    auth_mode = "iap"
  }

  assert {
    condition     = toset([for one in values(local.invokers) : one.member if contains(["dashboard", "recordings"], one.function)]) == toset(["serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"])
    error_message = "Only IAP calls pages and API."
  }

  assert {
    condition     = local.settings.dashboard.IAP_AUDIENCE == "/projects/123456789012/locations/europe-west1/services/dashboard" && local.settings.submit_job.IAP_AUDIENCE == ""
    error_message = "Each checks the audience of its own service."
  }
}

run "an_address_of_ones_own_is_the_only_way_in" {
  command = plan

  variables {
    public_base_url = "https://calls.example.com"
    auth_mode       = "iap"
    iap_audiences   = { dashboard = "/projects/1/global/backendServices/2", recordings = "/projects/1/global/backendServices/3" }
  }

  assert {
    condition     = local.ingress.dashboard == "ALLOW_INTERNAL_AND_GCLB" && local.ingress.symbl_webhook == "ALLOW_ALL" && local.ingress.submit_job == "ALLOW_INTERNAL_ONLY"
    error_message = "Pages and API are reached through the load balancer alone."
  }

  assert {
    condition     = local.settings.recordings.IAP_AUDIENCE == "/projects/1/global/backendServices/3" && local.settings.recordings.PUBLIC_BASE_URL == "https://calls.example.com"
    error_message = "Each has the audience of its own backend service."
  }
}

run "nothing_is_public_or_almighty" {
  command = plan

  assert {
    condition = alltrue([
      for bucket in [google_storage_bucket.recordings, google_storage_bucket.source] :
      bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access
    ])
    error_message = "No object can be made public, by nobody."
  }

  assert {
    condition = toset(concat(
      [for one in values(google_project_iam_member.datastore) : one.role],
      [for one in values(google_project_iam_member.builder) : one.role],
      [google_project_iam_member.events_receiver.role, google_project_iam_member.storage_publishes.role, google_project_iam_member.builder_reads_source.role],
      [for one in values(google_storage_bucket_iam_member.recordings) : one.role],
      [for one in values(google_service_account_iam_member.acts_as_tasks) : one.role],
      [for one in values(google_service_account_iam_member.signs_as_itself) : one.role],
      [for one in values(google_cloud_tasks_queue_iam_member.enqueuer) : one.role],
      [for one in values(google_cloud_tasks_queue_iam_member.viewer) : one.role],
      [for one in values(google_secret_manager_secret_iam_member.reader) : one.role],
      [for one in values(google_cloud_run_v2_service_iam_member.invoker) : one.role],
      )) == toset([
      "roles/artifactregistry.writer", "roles/cloudtasks.enqueuer", "roles/cloudtasks.viewer", "roles/datastore.user",
      "roles/eventarc.eventReceiver", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser",
      "roles/logging.logWriter", "roles/pubsub.publisher", "roles/run.invoker", "roles/secretmanager.secretAccessor",
      "roles/storage.objectUser", "roles/storage.objectViewer",
    ])
    error_message = "These roles and no others: none that administers, no primitive one."
  }

  assert {
    condition     = alltrue([for one in values(google_project_iam_member.datastore) : strcontains(one.condition[0].expression, "databases/calltrack")])
    error_message = "A function reads and writes its own database alone."
  }

  assert {
    condition     = alltrue([for name, one in google_service_account_iam_member.signs_as_itself : one.member == "serviceAccount:${local.email[name]}" && contains(["dashboard", "recordings", "submit_job"], name)])
    error_message = "Who signs URLs signs as itself."
  }

  assert {
    condition     = toset(keys(google_storage_bucket_iam_member.recordings)) == toset(["dashboard", "ingest_recording", "recordings", "submit_job", "sweep_jobs"])
    error_message = "Dispatch, webhook and collect never touch a recording."
  }

  assert {
    condition = toset(keys(google_secret_manager_secret_iam_member.reader)) == toset([
      "symbl_webhook/WEBHOOK_SECRETS", "submit_job/WEBHOOK_SECRETS", "submit_job/SYMBL_APP_ID", "submit_job/SYMBL_APP_SECRET",
      "collect_results/SYMBL_APP_ID", "collect_results/SYMBL_APP_SECRET", "sweep_jobs/SYMBL_APP_ID", "sweep_jobs/SYMBL_APP_SECRET",
      "recordings/SYMBL_APP_ID", "recordings/SYMBL_APP_SECRET", "recordings/SHARE_SECRETS",
      "dashboard/SYMBL_APP_ID", "dashboard/SYMBL_APP_SECRET", "dashboard/SHARE_SECRETS",
    ])
    error_message = "Each secret is given to who needs it."
  }
}

run "functions_are_as_defined" {
  command = plan

  assert {
    condition     = alltrue([for name, function in google_cloudfunctions2_function.of : function.build_config[0].runtime == "python313" && function.build_config[0].entry_point == name])
    error_message = "Each entry point on Python 3.13."
  }

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.of :
      toset(keys(local.settings[name])) == toset(local.definitions.settings) &&
      !contains(values(function.service_config[0].environment_variables), "")
    ])
    error_message = "The settings of functions.yaml, all of them, and no empty one in an environment."
  }

  assert {
    condition     = google_cloudfunctions2_function.of["ingest_recording"].event_trigger[0].retry_policy == "RETRY_POLICY_RETRY" && google_cloudfunctions2_function.of["ingest_recording"].service_config[0].timeout_seconds <= 540
    error_message = "An event that fails is sent again; its function ends within the nine minutes that there are."
  }

  assert {
    condition     = length([for function in google_cloudfunctions2_function.of : function if length(function.event_trigger) > 0]) == 1
    error_message = "One function takes events."
  }

  assert {
    condition     = length(distinct([for account in google_service_account.of : account.account_id])) == length(local.functions) + 2 && alltrue([for account in google_service_account.of : length(account.account_id) <= 30 && length(account.account_id) >= 6])
    error_message = "An account for each, with an id that IAM takes."
  }

  assert {
    condition     = alltrue([for name, function in google_cloudfunctions2_function.of : alltrue([for secret in function.service_config[0].secret_environment_variables : can(tonumber(secret.version))])])
    error_message = "Secrets are pinned to a version."
  }
}

run "database_and_queues_are_those_of_the_local_stack" {
  command = plan

  assert {
    condition     = length(google_firestore_index.declared) == length(local.indexes) && alltrue([for index in google_firestore_index.declared : index.api_scope == "DATASTORE_MODE_API"])
    error_message = "Each index of deploy/index.yaml once."
  }

  assert {
    condition     = google_firestore_database.calls.type == "DATASTORE_MODE" && google_firestore_database.calls.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "Datastore mode, protected."
  }

  assert {
    condition     = alltrue([for queue in google_cloud_tasks_queue.of : queue.retry_config[0].max_attempts == -1 && queue.deletion_policy == "PREVENT"])
    error_message = "No task is ever thrown away by its queue, and no queue is destroyed by mistake."
  }

  assert {
    condition     = google_firestore_field.ttl["IdempotentCall"].field == "expires_at"
    error_message = "What expires is deleted."
  }

  assert {
    condition     = google_cloud_scheduler_job.sweep.schedule == "*/1 * * * *" && google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].audience == "https://europe-west1-calls-prod.cloudfunctions.net/sweep_jobs"
    error_message = "Every minute, with a token for the sweep alone."
  }
}

run "somebody_is_told" {
  command = plan

  assert {
    condition     = alltrue([for alert in values(google_monitoring_alert_policy.of) : length(alert.documentation[0].content) > 100])
    error_message = "Each alert brings its runbook."
  }

  assert {
    condition     = google_monitoring_alert_policy.of["spend"].conditions[0].condition_threshold[0].threshold_value == 20000
    error_message = "The alert on spend goes by its variable."
  }
}
