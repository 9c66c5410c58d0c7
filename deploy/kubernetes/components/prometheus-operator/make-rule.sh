#!/bin/sh
# Makes prometheusrule.yaml, beside this script, of files of rules, which Kubernetes does not take as they are:
#
#     deploy/kubernetes/components/prometheus-operator/make-rule.sh [FOLDER]
#
# Without a folder, of deploy/prometheus/rules, as `make sync` does; of what `mihu-trunk-exporter assets FOLDER` writes, from
# FOLDER/prometheus/rules.
set -eu
here=$(dirname "$0")
folder=${1:-$here/../../../prometheus/rules}
{
  cat <<'END'
# Made by make-rule.sh; not edited by hand.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: mihu-trunk-exporter
  labels:
    app.kubernetes.io/name: mihu-trunk-exporter
spec:
  groups:
END
  for file in "$folder"/*.rules.yaml; do
    sed -e '/^groups:$/d' -e 's/^./  &/' "$file"
  done
} >"$here/prometheusrule.yaml"
