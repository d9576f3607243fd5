# What must hold of the plan. The provider is mocked: `terraform test` needs no project.
mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
}

variables {
  project      = "calls-prod"
  engine_image = "europe-west1-docker.pkg.dev/calls-prod/calltrack/engine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "one_engine_that_is_always_there" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.engine["engine"].template[0].scaling[0].min_instance_count == 1 && google_cloud_run_v2_service.engine["engine"].template[0].scaling[0].max_instance_count == 1
    error_message = "Its state is its instance's: never two, never none."
  }

  assert {
    condition     = google_cloud_run_v2_service.engine["engine"].template[0].containers[0].resources[0].cpu_idle == false
    error_message = "It works between the calls."
  }

  assert {
    condition     = length(google_billing_budget.month) == 0 && length(google_compute_global_address.of) == 0
    error_message = "Budget and address are made where they are asked for."
  }

  assert {
    condition     = strcontains(google_logging_project_exclusion.urls_that_grant_access.filter, "/share/") && strcontains(google_logging_project_exclusion.urls_that_grant_access.filter, "symbl-webhook")
    error_message = "URLs that grant access are in no log."
  }
}

run "everything_that_can_be_asked_for" {
  command = plan

  variables {
    domain          = "calls.example.com"
    iap             = true
    people          = ["group:qa@example.com"]
    billing_account = "012345-678901-ABCDEF"
  }

  assert {
    condition     = alltrue([for backend in google_compute_backend_service.of : backend.iap[0].enabled && !backend.log_config[0].enable])
    error_message = "IAP stands before both, and no log has their URLs."
  }

  assert {
    condition     = toset(keys(google_iap_web_backend_service_iam_member.people)) == toset(["dashboard/group:qa@example.com", "recordings/group:qa@example.com"])
    error_message = "The people named may come through."
  }

  assert {
    condition     = google_billing_budget.month["month"].amount[0].specified_amount[0].units == "500"
    error_message = "The budget is what was said."
  }
}

run "no_engine" {
  command = plan

  variables {
    engine = false
  }

  assert {
    condition     = length(google_cloud_run_v2_service.engine) + length(google_service_account.engine) + length(google_secret_manager_secret_iam_member.engine) == 0
    error_message = "Where another engine is used, there is none of ours."
  }
}

run "an_image_without_a_digest_is_refused" {
  command = plan

  variables {
    engine_image = "engine:latest"
  }

  expect_failures = [var.engine_image]
}
