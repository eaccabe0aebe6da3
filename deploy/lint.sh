#!/bin/sh
# Checks workflows with actionlint, scripts with shellcheck, and the snippets and rules in deploy/ with their tools. Builds the pinned actionlint with Go into
# a cache outside this folder, once. Skips a tool that is not installed and reports this.
set -eu
cd "$(dirname "$0")/.."

version=v1.7.12

say() { printf 'pulp-drill: %s\n' "$*" >&2; }

if command -v shellcheck >/dev/null 2>&1; then
    # Only warnings and errors: lower levels report backquotes in texts.
    shellcheck -S warning .ci/run deploy/*.sh deploy/backup/*.sh .github/actions/pulp-drill/*.sh
    say 'scripts: shellcheck reports no problem'
else
    say 'scripts: skipped, because shellcheck is not installed. Package: shellcheck'
fi

# The snippets for CI systems, against the schemas that check-jsonschema ships.
if command -v check-jsonschema >/dev/null 2>&1; then
    for pair in gitlab-ci:gitlab-ci.yml circle-ci:circleci.yml buildkite:buildkite.yml github-workflows:github.yml; do
        check-jsonschema --quiet --builtin-schema "vendor.${pair%%:*}" "deploy/ci/${pair#*:}"
    done
    say 'CI snippets: check-jsonschema reports no problem'
else
    say 'CI snippets: skipped, because check-jsonschema is not installed. PyPI: check-jsonschema'
fi
if command -v promtool >/dev/null 2>&1; then
    promtool check rules deploy/monitoring/alerts.yaml
    promtool test rules deploy/monitoring/alerts.test.yaml
else
    say 'alert rules: skipped, because promtool is not installed. It is part of Prometheus'
fi
if command -v kubectl >/dev/null 2>&1; then
    kubectl kustomize deploy/kubernetes >/dev/null
    say 'Kubernetes: the base builds'
else
    say 'Kubernetes: skipped, because kubectl is not installed'
fi

cache=${XDG_CACHE_HOME:-}
[ -n "$cache" ] || cache=${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache
folder=$cache/pulp-drill/actionlint-$version
if [ ! -x "$folder/actionlint" ]; then
    # The official installer puts Go here.
    PATH=$PATH:/usr/local/go/bin
    command -v go >/dev/null 2>&1 || {
        say 'workflows: skipped, because Go is not installed and actionlint is built with it (https://go.dev/dl/)'
        exit 0
    }
    say "building actionlint $version: takes a minute and downloads its modules the first time"
    # Go must not download another toolchain.
    if ! built=$(env -u GOOS -u GOARCH GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0 GOBIN="$folder" \
        nice go install "github.com/rhysd/actionlint/cmd/actionlint@$version" 2>&1); then
        say "workflows: skipped, because actionlint could not be built: $built"
        exit 0
    fi
fi
"$folder/actionlint"
say 'workflows: actionlint reports no problem'
