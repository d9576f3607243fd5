# The places only: values are added by deploy/bootstrap.sh or `gcloud secrets versions add`, and are in no state.
resource "google_secret_manager_secret" "of" {
  for_each            = toset(local.definitions.secrets)
  project             = var.project
  secret_id           = local.secret_ids[each.key]
  deletion_protection = var.protect

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

locals {
  secret_ids      = { for name in local.definitions.secrets : name => "calltrack-${lower(replace(name, "_", "-"))}" }
  secret_versions = merge({ for name in local.definitions.secrets : name => "1" }, var.secret_versions)

  #: Without a value there is no version to give: only what AUTH_MODE reads is given.
  secrets_of = {
    for name, function in local.functions : name => [
      for secret in function.secrets : secret if secret != "API_TOKENS" || var.auth_mode == "token"
    ]
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = merge([
    for name, secrets in local.secrets_of : { for secret in secrets : "${name}/${secret}" => { function = name, secret = secret } }
  ]...)
  project   = var.project
  secret_id = google_secret_manager_secret.of[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.email[each.value.function]}"
}
