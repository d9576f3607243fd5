# One name for pages and API. /api/v1/recordings has a function of its own, all else is the dashboard's.
locals {
  address  = toset(var.domain == null ? [] : ["address"])
  backends = var.domain == null ? {} : { recordings = "recordings", dashboard = "dashboard" }
}

resource "google_compute_global_address" "of" {
  for_each   = local.address
  project    = var.project
  name       = "calltrack"
  depends_on = [google_project_service.used]
}

resource "google_compute_region_network_endpoint_group" "of" {
  for_each              = local.backends
  project               = var.project
  region                = var.region
  name                  = "calltrack-${each.key}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.value
  }
  depends_on = [google_project_service.used]
}

resource "google_compute_backend_service" "of" {
  for_each              = local.backends
  project               = var.project
  name                  = "calltrack-${each.key}"
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.of[each.key].id
  }

  log_config {
    enable = false # URLs that grant access would be in it
  }

  dynamic "iap" {
    for_each = var.iap ? ["iap"] : []
    content {
      enabled = true
    }
  }
}

resource "google_iap_web_backend_service_iam_member" "people" {
  for_each = var.domain == null || !var.iap ? {} : {
    for pair in setproduct(keys(local.backends), var.people) : "${pair[0]}/${pair[1]}" => { backend = pair[0], member = pair[1] }
  }
  project             = var.project
  web_backend_service = google_compute_backend_service.of[each.value.backend].name
  role                = "roles/iap.httpsResourceAccessor"
  member              = each.value.member
}

resource "google_compute_url_map" "of" {
  for_each        = local.address
  project         = var.project
  name            = "calltrack"
  default_service = google_compute_backend_service.of["dashboard"].id

  host_rule {
    hosts        = [var.domain]
    path_matcher = "calls"
  }

  path_matcher {
    name            = "calls"
    default_service = google_compute_backend_service.of["dashboard"].id

    # A prefix, since a method such as :replay follows the collection without a slash.
    route_rules {
      priority = 1
      service  = google_compute_backend_service.of["recordings"].id

      match_rules {
        prefix_match = "/api/v1/recordings"
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "of" {
  for_each = local.address
  project  = var.project
  name     = "calltrack"

  managed {
    domains = [var.domain]
  }
  depends_on = [google_project_service.used]
}

resource "google_compute_target_https_proxy" "of" {
  for_each         = local.address
  project          = var.project
  name             = "calltrack"
  url_map          = google_compute_url_map.of["address"].id
  ssl_certificates = [google_compute_managed_ssl_certificate.of["address"].id]
}

resource "google_compute_global_forwarding_rule" "of" {
  for_each              = local.address
  project               = var.project
  name                  = "calltrack"
  target                = google_compute_target_https_proxy.of["address"].id
  ip_address            = google_compute_global_address.of["address"].address
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
