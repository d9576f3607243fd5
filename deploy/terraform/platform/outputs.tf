output "engine_url" {
  description = "The engine, or null."
  value       = one([for engine in google_cloud_run_v2_service.engine : engine.uri])
}

output "address" {
  description = "Where the domain's A record leads, or null."
  value       = one([for address in google_compute_global_address.of : address.address])
}

output "iap_audiences" {
  description = "With iap: the pipeline's iap_audience, by backend. Both have to be the same function's; see docs/howto/deploy.md."
  value       = { for name, backend in google_compute_backend_service.of : name => "/projects/${data.google_project.this.number}/global/backendServices/${backend.generated_id}" }
}

output "engine_image" {
  description = "What the engine runs: an apply that names no image keeps it."
  value       = coalesce(var.engine_image, "none")
}
