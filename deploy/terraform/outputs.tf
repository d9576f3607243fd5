output "pages_url" {
  description = "The pages."
  value       = local.pages_url
}

output "api_url" {
  description = "What /api/v1/recordings is appended to: CALLTRACK_SERVER of the command line."
  value       = local.api_url
}

output "webhook_url" {
  description = "Where the engine reports; each submission has its own path below it."
  value       = "${local.base_url}/symbl_webhook"
}

output "engine_url" {
  description = "The engine that the functions speak to."
  value       = local.engine_url
}

output "recordings_bucket" {
  description = "Where recordings are put."
  value       = google_storage_bucket.recordings.name
}

output "auth_mode" {
  description = "How callers are known: the smoke test goes by it."
  value       = var.auth_mode
}

output "project" {
  description = "The project."
  value       = var.project
}
