#!/bin/sh
# Builds the packages of a release from one binary: tarball, .deb, wheel and container image, each with its
# checksum in SHA256SUMS. `test-packages.sh` installs each of them and drills with it.
#
#   deploy/package.sh DIR                     builds the release binary first
#   PROGRAM=path deploy/package.sh DIR        packages a binary that was built before
#   PACKAGES='tarball deb' …                  only some of them
#
# Needs: cargo (without PROGRAM), dpkg-deb for the .deb, python3 for the wheel, docker for the image. A
# package whose tool is not installed is skipped with a message.
set -eu

say() { printf 'pulp-drill: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

out=${1:?usage: deploy/package.sh DIR}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -z "${PROGRAM:-}" ]; then
    (cd "$root" && cargo build --release --locked)
    PROGRAM=$root/target/release/pulp-drill
fi
PROGRAM=$(realpath "$PROGRAM")
packages=${PACKAGES:-tarball deb wheel image}
version=$("$PROGRAM" --version | cut -d ' ' -f 2)
machine=$(uname -m)
# The oldest glibc that the binary runs on, by the symbols that it uses.
glibc=$(grep -ao 'GLIBC_2\.[0-9]*' "$PROGRAM" | sort -uV | tail -n 1 | cut -d _ -f 2)
say "version $version for $machine, glibc ${glibc:-none} or later"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What every package has, below $1.
install_tree() {
    install -D -m 755 "$PROGRAM" "$1/bin/pulp-drill"
    install -D -m 644 "$root/docs/pulp-drill.1" "$1/share/man/man1/pulp-drill.1"
    install -D -m 644 "$root/docs/completions/pulp-drill.bash" "$1/share/bash-completion/completions/pulp-drill"
    install -D -m 644 "$root/docs/completions/_pulp-drill" "$1/share/zsh/site-functions/_pulp-drill"
    install -D -m 644 "$root/docs/completions/pulp-drill.fish" "$1/share/fish/vendor_completions.d/pulp-drill.fish"
    for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do
        install -D -m 644 "$root/$file" "$1/share/doc/pulp-drill/$file"
    done
}

tarball() {
    name=pulp-drill-$version-$machine-unknown-linux-gnu
    install_tree "$work/$name"
    tar --create --gzip --file "$out/$name.tar.gz" --directory "$work" --owner 0 --group 0 --numeric-owner \
        --sort name --mtime "@${SOURCE_DATE_EPOCH:-0}" "$name"
}

deb() {
    has dpkg-deb || { say 'deb: skipped, because dpkg-deb is not installed'; return; }
    architecture=$(dpkg --print-architecture)
    tree=$work/deb
    install_tree "$tree/usr"
    gzip --best --no-name "$tree/usr/share/man/man1/pulp-drill.1"
    mkdir -p "$tree/DEBIAN"
    # A drill starts PostgreSQL from the server programs; its Debian package makes a cluster of its own, which
    # is not touched.
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: pulp-drill
Version: $version
Architecture: $architecture
Maintainer: pulp-drill <maintainers@pulp-drill.example>
Section: admin
Priority: optional
Depends: libc6 (>= ${glibc:-2.31}), libgcc-s1
Recommends: postgresql
Suggests: awscli, rclone
Installed-Size: $(du -sk "$tree/usr" | cut -f 1)
Homepage: https://github.com/pulp-drill/pulp-drill
Description: proves whether backups of PostgreSQL rows and S3 binaries restore
 Takes a backup, injects a fault, destroys both stores, restores the backup and
 compares everything, with evidence that can be signed.
CONTROL
    dpkg-deb --root-owner-group -Zgzip --build "$tree" "$out/pulp-drill_${version}_$architecture.deb" >/dev/null
}

wheel() {
    has python3 || { say 'wheel: skipped, because python3 is not installed'; return; }
    python3 "$root/deploy/wheel.py" "$PROGRAM" "$version" "${glibc:-2.31}" "$root" "$out"
}

image() {
    has docker && docker info >/dev/null 2>&1 || { say 'image: skipped, because Docker is not running'; return; }
    # The same image as deploy/Dockerfile, with a binary that was built outside.
    mkdir -p "$work/image/deploy"
    cp "$PROGRAM" "$work/image/pulp-drill"
    cp "$root/deploy/record.sh" "$work/image/deploy/"
    sed -e '/^FROM rust/,/^RUN cargo build/d' -e 's|^COPY --from=build .*|COPY pulp-drill /usr/local/bin/pulp-drill|' \
        "$root/deploy/Dockerfile" >"$work/image/Dockerfile"
    docker build --quiet --tag "pulp-drill:$version" "$work/image" >/dev/null
    docker save "pulp-drill:$version" | gzip >"$out/pulp-drill-$version-image.tar.gz"
}

for package in $packages; do
    case $package in
    tarball | deb | wheel | image) "$package" ;;
    *)
        say "there is no package $package: tarball, deb, wheel or image"
        exit 2
        ;;
    esac
done
(cd "$out" && sha256sum -- *.tar.gz *.deb *.whl 2>/dev/null >SHA256SUMS || true)
cat "$out/SHA256SUMS"
