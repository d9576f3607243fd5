resource "google_storage_bucket" "recordings" {
  project                     = var.project
  name                        = local.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = var.protect ? "PREVENT" : "DELETE"

  # An object that is written over or deleted is gone for readers; for this long an administrator can bring it back.
  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  dynamic "lifecycle_rule" {
    for_each = var.nearline_days == null ? [] : [var.nearline_days]
    content {
      condition {
        age = lifecycle_rule.value
      }
      action {
        type          = "SetStorageClass"
        storage_class = "NEARLINE"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.recording_days == null ? [] : [var.recording_days]
    content {
      condition {
        age = lifecycle_rule.value
      }
      action {
        type = "Delete"
      }
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.used]
}

# The functions' source, never a recording: what is written into that one would be taken for one.
resource "google_storage_bucket" "source" {
  project                     = var.project
  name                        = "${var.project}-calltrack-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    condition {
      age                = 30
      num_newer_versions = 5
    }
    action {
      type = "Delete"
    }
  }

  versioning {
    enabled = true
  }

  depends_on = [google_project_service.used]
}

locals {
  root = "${path.module}/../.."
  #: What `make package` puts into the archive; its digest is in the object's name, so that a change is seen.
  source_files  = sort(concat(tolist(fileset(local.root, "{common,functions}/**")), ["main.py", "requirements.txt"]))
  source_digest = sha256(join("\n", [for file in local.source_files : "${file} ${filesha256("${local.root}/${file}")}" if !strcontains(file, "__pycache__")]))
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "functions-${substr(local.source_digest, 0, 16)}.zip"
  source = var.source_archive
}
