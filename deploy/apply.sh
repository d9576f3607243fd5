#!/usr/bin/env bash
# Plan and apply both configurations, as the build does:
#
#   deploy/apply.sh plan|apply|destroy PROJECT REGION [ENGINE_IMAGE@sha256:...]
#
# Settings of an installation lie in deploy/terraform/PROJECT.tfvars and deploy/terraform/platform/PROJECT.tfvars, where there are
# any. Secrets are made by bootstrap.sh before their first use, so they are taken over into the state.
set -euo pipefail
what=${1:?usage: deploy/apply.sh plan|apply|destroy PROJECT REGION [ENGINE_IMAGE]}
project=${2:?the project is missing} region=${3:?the region is missing} image=${4:-}
cd "$(dirname "$0")/terraform"
export TF_IN_AUTOMATION=1 TF_VAR_project="$project" TF_VAR_region="$region"

settings=()
use() { # DIRECTORY: its state, its settings
  terraform -chdir="$1" init -input=false -reconfigure -backend-config="bucket=$project-calltrack-state"
  settings=(-input=false)
  if [ -f "$1/$project.tfvars" ]; then settings+=(-var-file="$project.tfvars"); fi
}

adopt_secrets() {
  for secret in API_TOKENS SHARE_SECRETS SYMBL_APP_ID SYMBL_APP_SECRET WEBHOOK_SECRETS; do
    address="google_secret_manager_secret.of[\"$secret\"]"
    if ! terraform state show "$address" >/dev/null 2>&1; then
      id="calltrack-$(echo "$secret" | tr 'A-Z_' 'a-z-')"
      terraform import "${settings[@]}" "$address" "projects/$project/secrets/$id" >/dev/null 2>&1 ||
        echo "$id is not there yet: it is made now"
    fi
  done
}

keep_engine() { # without an image that is asked for, the one that runs
  if [ -z "$image" ]; then image=$(terraform -chdir=platform output -raw engine_image 2>/dev/null || echo none); fi
  if [ "${image#*@sha256:}" != "$image" ]; then export TF_VAR_engine_image="$image"; fi
}

# A first apply meets things that take minutes to be known everywhere: roles, service agents, metrics that alerts go by; and
# 60 changes of functions a minute are allowed. What was made stays made, so trying again goes on where it was.
plan_and_apply() { # DIRECTORY
  for pause in 60 120 180 0; do
    terraform -chdir="$1" plan "${settings[@]}" -out=calltrack.tfplan
    if [ "$what" = plan ] || terraform -chdir="$1" apply -input=false calltrack.tfplan; then return 0; fi
    if [ "$pause" != 0 ]; then echo "Trying again in $pause s." && sleep "$pause"; fi
  done
  return 1
}

case $what in
plan | apply)
  use .
  adopt_secrets
  plan_and_apply .
  use platform
  keep_engine
  plan_and_apply platform
  ;;
destroy)
  use platform
  terraform -chdir=platform destroy "${settings[@]}" -auto-approve
  use .
  # What is protected would refuse; recordings and what was said in them outlive what worked on them, unless told otherwise.
  if [ "${EVERYTHING:-no}" = yes ]; then
    terraform apply "${settings[@]}" -var=protect=false -auto-approve
  else
    terraform apply "${settings[@]}" -var=protect=false -auto-approve \
      -target=google_cloud_tasks_queue.of -target=google_secret_manager_secret.of
    terraform state rm google_storage_bucket.recordings google_firestore_database.calls google_firestore_index.declared \
      google_firestore_field.ttl google_firestore_backup_schedule.daily google_firestore_backup_schedule.weekly
  fi
  terraform destroy "${settings[@]}" -var=protect=false -auto-approve
  ;;
*)
  echo "plan, apply or destroy, not $what" >&2
  exit 2
  ;;
esac
