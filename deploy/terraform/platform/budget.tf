resource "google_billing_budget" "month" {
  for_each        = toset(var.billing_account == null ? [] : ["month"])
  billing_account = var.billing_account
  display_name    = "Calltrack (${var.project})"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      units = tostring(floor(var.monthly_budget))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.2
    spend_basis       = "FORECASTED_SPEND"
  }
  depends_on = [google_project_service.used]
}
