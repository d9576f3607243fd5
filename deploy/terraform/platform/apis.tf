resource "google_project_service" "used" {
  for_each = toset(concat(
    ["logging.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com"],
    var.billing_account == null ? [] : ["billingbudgets.googleapis.com"],
    var.domain == null ? [] : ["compute.googleapis.com", "iap.googleapis.com"],
  ))
  project            = var.project
  service            = each.key
  disable_on_destroy = false # others may use them
}
