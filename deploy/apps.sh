#!/bin/sh
# Installs real applications from the package registries and drills them, each in an environment of its own below
# target/apps.
# usage: deploy/apps.sh PROGRAM [NAME...]      django, wagtail; all by default
set -eu

cd "$(dirname "$0")/.."
program=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- django wagtail

# drill NAME [arguments of `pulp-drill run`...]
drill() {
    name=$1
    shift
    environment=target/apps/$name
    if [ ! -e "$environment/installed" ]; then
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet --requirement "deploy/examples/$name/requirements.txt"
        : > "$environment/installed"
    fi
    echo "== $name" >&2
    PATH="$(realpath "$environment/bin"):$PATH" "$program" run --profile "profiles/$name.yaml" "$@"
}

for name in "$@"; do
    case $name in
    django) drill django deploy/examples/django/scenarios generic ;;
    wagtail) drill wagtail generic ;;
    *)
        echo "there is no application $name" >&2
        exit 2
        ;;
    esac
done
