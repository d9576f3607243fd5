# The definitions that Terraform shares with the local stack and the tests.
locals {
  deploy      = "${path.module}/.."
  definitions = yamldecode(file("${local.deploy}/functions.yaml"))
  functions   = local.definitions.functions
  queues      = yamldecode(file("${local.deploy}/queues.yaml")).queues
  indexes     = yamldecode(file("${local.deploy}/index.yaml")).indexes
  ttl         = yamldecode(file("${local.deploy}/ttl.yaml")).ttl

  base_url = "https://${var.region}-${var.project}.cloudfunctions.net"
  #: A function's Cloud Run service has its name, which may have no underscores.
  services = { for name, _ in local.functions : name => replace(name, "_", "-") }
  bucket   = "${var.project}-recordings"
}

data "google_project" "this" {
  project_id = var.project
}
