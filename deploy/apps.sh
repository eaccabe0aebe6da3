#!/bin/sh
# Installs real applications from the package registries and drills them.
# usage: deploy/apps.sh PROGRAM
set -eu

cd "$(dirname "$0")/.."
program=$(realpath "$1")

environment=target/apps/django
if [ ! -x "$environment/bin/django-admin" ]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --requirement deploy/examples/django/requirements.txt
fi
PATH="$(realpath "$environment/bin"):$PATH" PYTHONDONTWRITEBYTECODE=1 \
    "$program" run deploy/examples/django/scenarios
