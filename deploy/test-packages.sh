#!/bin/sh
# Installs every package of a folder into a clean location and drills with it from an empty folder: the demo,
# and one scenario of its own. A package whose tool is not installed is skipped with a message.
#
#   deploy/test-packages.sh DIR
set -eu

say() { printf 'pulp-drill: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

packages=$(cd "${1:?usage: deploy/test-packages.sh DIR}" && pwd)
work=$(mktemp -d)
chmod 711 "$work"
trap 'rm -rf "$work"' EXIT
(cd "$packages" && sha256sum --check --quiet SHA256SUMS)

# Drills with a program, with nothing but it.
drill() {
    name=$1
    shift
    mkdir -p "$work/$name-empty" "$work/$name-cache"
    (
        cd "$work/$name-empty"
        export XDG_CACHE_HOME="$work/$name-cache"
        "$@" --version
        "$@" demo >demo.txt
        "$@" run binary-missing >run.txt
        grep -q '^Passed: ' run.txt
    )
    say "$name: the demo and a drill passed"
}

for package in "$packages"/*; do
    case $package in
    *-image.tar.gz)
        has docker && docker info >/dev/null 2>&1 || { say 'image: skipped, because Docker is not running'; continue; }
        image=$(docker load --quiet --input "$package" | sed 's/^Loaded image: //')
        docker run --rm "$image" pulp-drill demo --report-dir /reports
        say 'image: the demo passed'
        ;;
    *.tar.gz)
        mkdir "$work/tarball"
        tar --extract --file "$package" --directory "$work/tarball" --strip-components 1
        drill tarball "$work/tarball/bin/pulp-drill"
        ;;
    *.deb)
        has dpkg-deb || { say 'deb: skipped, because dpkg-deb is not installed'; continue; }
        # Into a folder, so that the machine stays as it is; the dependencies are checked by name.
        dpkg-deb --extract "$package" "$work/deb"
        dpkg-deb --field "$package" Depends
        drill deb "$work/deb/usr/bin/pulp-drill"
        ;;
    *.whl)
        python3 -m venv "$work/venv" || { say 'wheel: skipped, because Python has no venv'; continue; }
        "$work/venv/bin/pip" install --quiet --no-index "$package"
        drill wheel "$work/venv/bin/pulp-drill"
        ;;
    esac
done
