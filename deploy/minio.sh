#!/bin/sh
# Builds the pinned MinIO server with Go into a cache outside this folder, once, and prints its path.
# Nothing else is installed. MinIO publishes no programs any more, and its tags are no Go versions, so
# the pin is the commit's pseudo-version: the last one of its repository.
#
#   deploy/minio.sh            build if it is not there; prints the path
#   deploy/minio.sh --check    prints the path if it is there; else says why it can't be built, or
#                              that it can be, and ends with 1 (there is no Go) or 2 (not built yet)
set -eu

version=v0.0.0-20260212201848-7aac2a2c5b7c
time=2026-02-12T20:18:48Z
commit=7aac2a2c5b7c
# What its go.mod asks for.
oldest_go=1.24

say() { printf 'pulp-drill: %s\n' "$*" >&2; }

cache=${XDG_CACHE_HOME:-}
[ -n "$cache" ] || cache=${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache
program=$cache/pulp-drill/minio-$version/minio

if [ -x "$program" ]; then
    echo "$program"
    exit 0
fi

# Go from where its own installer puts it, too.
PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null 2>&1 || {
    say "skipped, because there is no Go: MinIO is built with Go $oldest_go or newer (https://go.dev/dl/)"
    exit 1
}
# No other toolchain is fetched behind the user's back.
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
say "building MinIO $version with $go: a few minutes, and a download of its modules the first time"
names=github.com/minio/minio/cmd
flags="-s -w -X $names.Version=$time -X $names.ReleaseTag=DEVELOPMENT.$(echo "$time" | tr : -)"
flags="$flags -X $names.CommitID=$commit -X $names.ShortCommitID=$commit -X $names.CopyrightYear=2026"
# For this machine, whatever the surroundings say; GOBIN takes no program of another one anyway.
env -u GOOS -u GOARCH CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN="$new" \
    nice go install -ldflags "$flags" "github.com/minio/minio@$version" >&2
"$new/minio" --version >&2
mv "$new/minio" "$program"
echo "$program"
