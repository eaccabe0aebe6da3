#!/bin/sh
# Checks workflows with actionlint and scripts with shellcheck. Builds the pinned actionlint with Go into
# a cache outside this folder, once. What is not there is skipped, and said.
set -eu
cd "$(dirname "$0")/.."

version=v1.7.12

say() { printf 'pulp-drill: %s\n' "$*" >&2; }

if command -v shellcheck >/dev/null 2>&1; then
    # Below warnings it knows better than is good for texts with backquotes in them.
    shellcheck -S warning .ci/run deploy/*.sh deploy/backup/*.sh .github/actions/pulp-drill/*.sh
    say 'scripts: shellcheck finds nothing'
else
    say 'scripts: skipped, because there is no shellcheck. Package: shellcheck'
fi

cache=${XDG_CACHE_HOME:-}
[ -n "$cache" ] || cache=${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache
folder=$cache/pulp-drill/actionlint-$version
if [ ! -x "$folder/actionlint" ]; then
    # Go from where its own installer puts it, too.
    PATH=$PATH:/usr/local/go/bin
    command -v go >/dev/null 2>&1 || {
        say 'workflows: skipped, because there is no Go: actionlint is built with it (https://go.dev/dl/)'
        exit 0
    }
    say "building actionlint $version: a minute, and a download of its modules the first time"
    # No other toolchain is fetched behind the user's back.
    if ! built=$(env -u GOOS -u GOARCH GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0 GOBIN="$folder" \
        nice go install "github.com/rhysd/actionlint/cmd/actionlint@$version" 2>&1); then
        say "workflows: skipped, because actionlint could not be built: $built"
        exit 0
    fi
fi
"$folder/actionlint"
say 'workflows: actionlint finds nothing'
