#!/bin/sh
# Builds the pinned MinIO server with Go into a cache outside this folder, once, and prints its path.
# Nothing else is installed. MinIO no longer publishes programs, and its tags are not Go versions. Therefore
# the pin is the pseudo-version of the last commit of its repository.
#
#   deploy/minio.sh            builds it if necessary; prints the path
#   deploy/minio.sh --check    prints the path if it is built; else reports why it cannot be built, or
#                              that it can be, and ends with 1 (no suitable Go) or 2 (not built yet)
set -eu

version=v0.0.0-20260212201848-7aac2a2c5b7c
time=2026-02-12T20:18:48Z
commit=7aac2a2c5b7c
# The version that its go.mod requires.
oldest_go=1.24

say() { printf 'pulp-drill: %s\n' "$*" >&2; }

cache=${XDG_CACHE_HOME:-}
[ -n "$cache" ] || cache=${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache
program=$cache/pulp-drill/minio-$version/minio

if [ -x "$program" ]; then
    echo "$program"
    exit 0
fi

# The official installer puts Go here.
PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null 2>&1 || {
    say "skipped, because Go is not installed: MinIO is built with Go $oldest_go or newer (https://go.dev/dl/)"
    exit 1
}
# Go must not download another toolchain.
export GOTOOLCHAIN=local
go=$(go env GOVERSION)
[ "$(printf '%s\n' "$oldest_go" "${go#go}" | sort -t. -k1,1n -k2,2n | head -n 1)" = "$oldest_go" ] || {
    say "skipped, because $go is too old: MinIO is built with Go $oldest_go or newer (https://go.dev/dl/)"
    exit 1
}
if [ "${1:-}" = --check ]; then
    say "MinIO is not built yet: make minio"
    exit 2
fi

mkdir -p "$(dirname "$program")"
new=$(mktemp -d "$(dirname "$program")/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
say "building MinIO $version with $go: takes a few minutes and downloads its modules the first time"
names=github.com/minio/minio/cmd
flags="-s -w -X $names.Version=$time -X $names.ReleaseTag=DEVELOPMENT.$(echo "$time" | tr : -)"
flags="$flags -X $names.CommitID=$commit -X $names.ShortCommitID=$commit -X $names.CopyrightYear=2026"
# For this machine, whatever the environment sets: GOBIN accepts no program for another platform.
env -u GOOS -u GOARCH CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN="$new" \
    nice go install -ldflags "$flags" "github.com/minio/minio@$version" >&2
"$new/minio" --version >&2
mv "$new/minio" "$program"
echo "$program"
