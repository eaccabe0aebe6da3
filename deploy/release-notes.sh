#!/bin/sh
# Prints the section of the changelog for the version in Cargo.toml: the notes of its release.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
notes=$(awk -v version="$version" '
    /^## / { inside = ($2 == version) ; next }
    inside { print }' CHANGELOG.md)
if [ -z "$notes" ]; then
    echo "pulp-drill: CHANGELOG.md has no section for $version" >&2
    exit 1
fi
printf '%s\n' "$notes"
