#!/bin/sh
# Install or upgrade DCarbon in the cluster that kubectl points to. OVERLAY: your copy of example/;
# VALUES: your copy of dagster-values.yaml. Migrations come first and work with the code before them.
set -eu
here=$(dirname "$0")
OVERLAY=${OVERLAY:-$here/example}
VALUES=${VALUES:-$here/dagster-values.yaml}
NAMESPACE=${NAMESPACE:-dcarbon}
# Dagster's own, from the repository that its documentation names: helm repo add dagster …
CHART=${CHART:-dagster/dagster}
# That of the Dagster in the lock: chart and library speak the same dagster.yaml.
CHART_VERSION=1.13.27

kubectl --namespace "$NAMESPACE" delete job migrate --ignore-not-found
kubectl apply --kustomize "$OVERLAY/migration"
# kubectl wait would not return when the job fails, which it does by itself after an hour.
for _ in $(seq 750); do
  state=$(kubectl --namespace "$NAMESPACE" get job migrate \
    --output "jsonpath={.status.conditions[?(@.status=='True')].type}")
  case $state in *Complete* | *Failed*) break ;; esac
  sleep 5
done
case $state in
  *Complete*) ;;
  *)
    kubectl --namespace "$NAMESPACE" logs job/migrate || true
    echo "The database is not migrated. Nothing else was changed." >&2
    exit 1
    ;;
esac
kubectl apply --kustomize "$OVERLAY"
helm upgrade --install dagster "$CHART" \
  --namespace "$NAMESPACE" --version "$CHART_VERSION" --values "$VALUES" --wait
kubectl --namespace "$NAMESPACE" rollout status deployment/web deployment/mailer
