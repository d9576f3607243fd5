variable "project" {
  description = "As in the pipeline's configuration."
  type        = string
}

variable "region" {
  description = "As in the pipeline's configuration."
  type        = string
  default     = "us-central1"
}

variable "engine" {
  description = "Whether the project has an engine of its own; else the pipeline's engine_url names Symbl's or another one."
  type        = bool
  default     = true
}

variable "engine_image" {
  description = "The engine's image, by digest: the build gives it. Null: there is none yet."
  type        = string
  default     = null

  validation {
    condition     = var.engine_image == null || can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.engine_image))
    error_message = "Give IMAGE@sha256:DIGEST: what was tested is what runs."
  }
}

variable "engine_cpu" {
  description = "CPUs of the engine's one instance: a minute of a two-channel call takes about 7 CPU-seconds."
  type        = number
  default     = 4

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.engine_cpu)
    error_message = "Cloud Run has 1, 2, 4, 6 or 8."
  }
}

variable "engine_memory" {
  description = "Its memory; downloads and the state lie in it."
  type        = string
  default     = "8Gi"
}

variable "engine_max_active_jobs" {
  description = "ENGINE_MAX_ACTIVE_JOBS; the pipeline's max_active_jobs stays at or below it."
  type        = number
  default     = 50

  validation {
    condition     = var.engine_max_active_jobs >= 1
    error_message = "At least 1."
  }
}

variable "secret_versions" {
  description = "As in the pipeline's configuration, of SYMBL_APP_ID and SYMBL_APP_SECRET."
  type        = map(string)
  default     = {}
}

variable "domain" {
  description = "The name at which pages and API are reached together, through a load balancer. Null: each at its function's URL."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "Give a host name such as calls.example.com, whose A record will lead to the address in the outputs."
  }
}

variable "iap" {
  description = "Whether Identity-Aware Proxy stands at the load balancer (auth_mode = iap)."
  type        = bool
  default     = false
}

variable "people" {
  description = "With iap: who may come through."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.people : can(regex("^(user|group|serviceAccount|domain):.+$", member))])
    error_message = "Members are user:, group:, serviceAccount: or domain:, each with what follows."
  }
}

variable "billing_account" {
  description = "The billing account that the budget is on. Null: no budget."
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "What a month may cost, in the billing account's currency; tells at 50, 90 and 100 %, and where 120 % is forecast."
  type        = number
  default     = 500

  validation {
    condition     = var.monthly_budget >= 1
    error_message = "At least 1."
  }
}
