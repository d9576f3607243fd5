# Values that no plan is made of.
mock_provider "google" {}

variables {
  project = "calls-prod"
}

run "public_members_are_refused" {
  command = plan

  variables {
    people = ["allUsers"]
  }

  expect_failures = [var.people]
}

run "a_secret_of_no_fixed_version_is_refused" {
  command = plan

  variables {
    secret_versions = { SYMBL_APP_SECRET = "latest" }
  }

  expect_failures = [var.secret_versions]
}

run "open_pages_are_refused" {
  command = plan

  variables {
    auth_mode = "none"
  }

  expect_failures = [var.auth_mode]
}
