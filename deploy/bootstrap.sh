#!/usr/bin/env bash
# Once per project, and harmless to run again: what a build needs before it can build.
#
#   deploy/bootstrap.sh PROJECT REGION [GITHUB_OWNER/REPOSITORY]
#
# Makes the bucket of Terraform's state, the registry of the engine's image, the account that builds, and, with a
# repository that Cloud Build is connected to, the trigger. Asks for no secret: those that are ours alone are made up here,
# what the engine or Symbl wants is read from SYMBL_APP_ID and SYMBL_APP_SECRET in the environment, or made up too.
set -euo pipefail
project=${1:?usage: deploy/bootstrap.sh PROJECT REGION [OWNER/REPOSITORY]}
region=${2:?usage: deploy/bootstrap.sh PROJECT REGION [OWNER/REPOSITORY]}
repository=${3:-}
builder="ct-build@$project.iam.gserviceaccount.com"
state="$project-calltrack-state"

exists() { "$@" >/dev/null 2>&1; }

gcloud services enable --project="$project" \
  artifactregistry.googleapis.com cloudbuild.googleapis.com cloudresourcemanager.googleapis.com iam.googleapis.com \
  secretmanager.googleapis.com serviceusage.googleapis.com storage.googleapis.com

if ! exists gcloud storage buckets describe "gs://$state"; then
  gcloud storage buckets create "gs://$state" --project="$project" --location="$region" \
    --uniform-bucket-level-access --public-access-prevention
fi
gcloud storage buckets update "gs://$state" --versioning

if ! exists gcloud artifacts repositories describe calltrack --project="$project" --location="$region"; then
  gcloud artifacts repositories create calltrack --project="$project" --location="$region" \
    --repository-format=docker --description="The engine's image"
fi

if ! exists gcloud iam service-accounts describe "$builder" --project="$project"; then
  gcloud iam service-accounts create ct-build --project="$project" --display-name="Calltrack: builds and deploys"
fi
# What Terraform makes, and no more: each role administers one service. It hands out roles, so it could take any: only
# what is on the protected branch may run as it.
for role in artifactregistry.writer cloudfunctions.developer cloudscheduler.admin cloudtasks.admin \
  datastore.owner iam.serviceAccountAdmin iam.serviceAccountUser logging.configWriter logging.logWriter \
  monitoring.admin resourcemanager.projectIamAdmin run.admin secretmanager.admin serviceusage.serviceUsageAdmin \
  storage.admin; do
  gcloud projects add-iam-policy-binding "$project" --member="serviceAccount:$builder" --role="roles/$role" \
    --condition=None --format=none
done

put() { # NAME VALUE: the first version of a secret
  if ! exists gcloud secrets describe "$1" --project="$project"; then
    gcloud secrets create "$1" --project="$project" --replication-policy=automatic
  fi
  if ! exists gcloud secrets versions describe 1 --secret="$1" --project="$project"; then
    printf %s "$2" | gcloud secrets versions add "$1" --project="$project" --data-file=-
  fi
}
made_up() { python3 -c 'import secrets; print(secrets.token_hex(32), end="")'; }
put calltrack-symbl-app-id "${SYMBL_APP_ID:-$(made_up)}"
put calltrack-symbl-app-secret "${SYMBL_APP_SECRET:-$(made_up)}"
put calltrack-webhook-secrets "$(made_up)"
put calltrack-share-secrets "$(made_up)"

if [ -n "$repository" ] && ! exists gcloud builds triggers describe calltrack --project="$project" --region="$region"; then
  gcloud builds triggers create github --project="$project" --region="$region" --name=calltrack \
    --repo-owner="${repository%/*}" --repo-name="${repository#*/}" --branch-pattern='^main$' \
    --build-config=cloudbuild.yaml --service-account="projects/$project/serviceAccounts/$builder" \
    --substitutions="_REGION=$region,_DEPLOY=yes"
fi
echo "Ready: $project in $region. State in gs://$state."
