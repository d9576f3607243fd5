# Who may call what. A function's callers are named in functions.yaml; Cloud Run checks them before any code of ours runs.
locals {
  #: Sends a call through after each deployment. It could deploy anything, so nothing is kept from it.
  smoke_tester = "ct-build@${var.project}.iam.gserviceaccount.com"

  #: With token the functions check who calls by themselves, and a browser has no identity token: Cloud Run lets all through.
  people = var.auth_mode == "token" ? toset(["allUsers"]) : (
    var.auth_mode == "iap" ? toset(["serviceAccount:service-${data.google_project.this.number}@gcp-sa-iap.iam.gserviceaccount.com"]) : setunion(var.people, ["serviceAccount:${local.smoke_tester}"])
  )
  members_of = {
    public = toset(["allUsers"])
    people = local.people
    tasks  = toset(["serviceAccount:${local.email.tasks}"])
    events = toset(["serviceAccount:${local.email.events}"])
  }
  invokers = merge(flatten([
    for name, function in local.functions : [
      for caller in function.callers : {
        for member in local.members_of[caller] : "${name}/${caller}/${member}" => { function = name, member = member }
      }
    ]
  ])...)
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers
  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.of[each.value.function].service_config[0].service
  role     = "roles/run.invoker"
  member   = each.value.member
}
