# Cloud Run's log of requests has their whole URL, and some URLs are a permission: a summary page's, a webhook's, a page of
# the engine's. What is excluded is stored nowhere; the functions' own events tell what happened.
resource "google_logging_project_exclusion" "urls_that_grant_access" {
  project     = var.project
  name        = "calltrack-urls-that-grant-access"
  description = "Requests whose URL is a permission."
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "log_id(\"run.googleapis.com/requests\")",
    join(" OR ", [
      "(httpRequest.requestUrl=~\"/share/\"",
      "resource.labels.service_name=\"symbl-webhook\"",
      "(resource.labels.service_name=\"calltrack-engine\" AND httpRequest.requestUrl=~\"/experiences/\"))",
    ]),
  ])
}
