variable "project" {
  description = "The project that holds everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "region" {
  description = "Where functions, queues, database and bucket lie; fixed once the database is there."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as us-central1 or europe-west1: a trigger must lie where its bucket does."
  }
}

variable "database" {
  description = "The Datastore-mode database; it is made here, and its mode is for ever."
  type        = string
  default     = "calltrack"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "A database id has 4 to 63 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "engine_url" {
  description = "The engine, or Symbl: SYMBL_API_URL. Null: the engine that platform/ deploys into this project and region."
  type        = string
  default     = null

  validation {
    condition     = var.engine_url == null || can(regex("^https://[^/]+$", var.engine_url))
    error_message = "Give https://HOST without a path; null for the project's own engine."
  }
}

variable "max_active_jobs" {
  description = "SYMBL_MAX_ACTIVE_JOBS: at most what the engine or the account allows, less what others use of it."
  type        = number
  default     = 50

  validation {
    condition     = var.max_active_jobs >= 1 && var.max_active_jobs <= 1000 && floor(var.max_active_jobs) == var.max_active_jobs
    error_message = "A whole number from 1 to 1000."
  }
}

variable "auth_mode" {
  description = "Who may open pages and API: token (the functions check a bearer token), iam (Cloud Run checks who calls) or iap."
  type        = string
  default     = "iam"

  validation {
    condition     = contains(["iam", "iap", "token"], var.auth_mode)
    error_message = "auth_mode is iam, iap or token: nothing is deployed without."
  }
}

variable "people" {
  description = "Who may open pages and API with iam and iap: members such as group:qa@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.people : can(regex("^(user|group|serviceAccount|domain):.+$", member))])
    error_message = "Members are user:, group:, serviceAccount: or domain:, each with what follows; never allUsers or allAuthenticatedUsers."
  }
}

variable "access" {
  description = "ACCESS, with iam and iap: who may do what. `who` is an e-mail address, @domain or *; companies null: all of them."
  type = list(object({
    who       = string
    role      = string
    companies = optional(list(string))
  }))
  default = []

  validation {
    condition     = alltrue([for grant in var.access : contains(["viewer", "reviewer", "operator", "admin"], grant.role)])
    error_message = "Roles are viewer, reviewer, operator and admin."
  }
}

variable "internal_ingress" {
  description = "From where the functions of tasks and events are reached: the project's own services alone, or (behind IAM and the functions' own check all the same) anywhere."
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"

  validation {
    condition     = contains(["ALLOW_INTERNAL_ONLY", "ALLOW_ALL"], var.internal_ingress)
    error_message = "ALLOW_INTERNAL_ONLY or ALLOW_ALL."
  }
}

variable "public_base_url" {
  description = "Where pages and API are reached by one address of your own (platform's domain). Null: at the functions' own URLs."
  type        = string
  default     = null

  validation {
    condition     = var.public_base_url == null || can(regex("^https://[^/]+(/.*[^/])?$", var.public_base_url))
    error_message = "Give https://HOST, without a slash at its end."
  }
}

variable "iap_audiences" {
  description = "With iap at a load balancer: the audience of the backend service of each, dashboard and recordings (an output of platform/). Empty: those of the Cloud Run services."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.iap_audiences), ["dashboard", "recordings"])) == 0
    error_message = "Only dashboard and recordings are behind IAP."
  }
}

variable "secret_versions" {
  description = "The version of each secret that is in use, by the name of its setting. Numbers, so that an instance never changes its mind: see docs/howto/rotate-secrets.md."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "Give numbers: 'latest' is read when an instance starts, so two instances would differ."
  }
}

variable "recording_days" {
  description = "Days after which a recording's audio is deleted from the bucket; what was said stays. Null: it is kept."
  type        = number
  default     = null

  validation {
    condition     = try(var.recording_days >= 7, var.recording_days == null)
    error_message = "At least 7 days: a recording may wait in the queue for days, and is scanned for once a day."
  }
}

variable "nearline_days" {
  description = "Days after which a recording's audio moves to Nearline storage: cheaper to keep, dearer to play. Null: never."
  type        = number
  default     = 30
}

variable "soft_delete_days" {
  description = "Days for which a deleted object can be brought back: 0, or 7 to 90. With 0, deleting a recording deletes its bytes at once."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "Cloud Storage takes 0, or 7 to 90 days."
  }
}

variable "sweep_minutes" {
  description = "Minutes between two sweeps."
  type        = number
  default     = 1

  validation {
    condition     = var.sweep_minutes >= 1 && var.sweep_minutes <= 60 && 60 % var.sweep_minutes == 0
    error_message = "A divisor of 60, such as 1, 5 or 60: the scheduler counts within the hour."
  }
}

variable "settings" {
  description = "Other settings of the functions, by name: CONFIDENCE_THRESHOLD, RETRY_..., JOB_LIMIT_S, SWEEP_FLOOR_S, BUCKET_SCAN_INTERVAL_H."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setsubtract(keys(var.settings), [
      "BUCKET_SCAN_INTERVAL_H", "CONFIDENCE_THRESHOLD", "JOB_LIMIT_S", "RETRY_NOT_ACCEPTED_H", "RETRY_RESULTS_H",
      "RETRY_UNKNOWN_OUTCOMES", "SWEEP_FLOOR_S",
    ])) == 0
    error_message = "Only the settings named in the description; the others follow from variables of their own."
  }
}

variable "alert_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Give e-mail addresses."
  }
}

variable "daily_submissions_expected" {
  description = "More submissions than this within a day raise the alert on spend: each may be paid for."
  type        = number
  default     = 20000

  validation {
    condition     = var.daily_submissions_expected >= 1
    error_message = "At least 1."
  }
}

variable "protect" {
  description = "Whether database, bucket and queues refuse to be destroyed."
  type        = bool
  default     = true
}

variable "source_archive" {
  description = "The functions' source as one zip file: `make package` writes it."
  type        = string
  default     = "../../.local/functions.zip"
}
