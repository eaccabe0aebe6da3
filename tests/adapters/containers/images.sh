#!/bin/sh
# Makes three small images from files of this machine, where nothing can or need be pulled: PostgreSQL
# as installed here, MinIO as built by deploy/minio.sh, and the given pulp-drill as engine. Nothing of
# a distribution is in them but the libraries that these programs are linked with.
#
#   tests/adapters/containers/images.sh POSTGRES_BIN_DIR PULP_DRILL [MINIO]
#
# The client is `docker`, or what CONTAINERS names (`podman --remote …`).
set -eu

bin=$1
engine=$2
minio=${3:-$(deploy/minio.sh)}
containers=${CONTAINERS:-docker}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Copies programs with all libraries they ask for.
with_libraries() {
    root=$1
    shift
    for file in "$@"; do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
        ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
            mkdir -p "$root$(dirname "$library")"
            [ -e "$root$library" ] || cp -L "$library" "$root$library"
        done
    done
}

# import ROOT NAME CHANGE…
import() {
    root=$1 name=$2
    shift 2
    for change in "$@"; do
        set -- "$@" --change "$change"
        shift
    done
    # shellcheck disable=SC2086 # a client may have words of its own
    tar -C "$root" -c . | $containers import "$@" - "$name" >/dev/null
    echo "$name"
}

postgres() {
    root=$work/postgres
    mkdir -p "$root/data" "$root/tmp" "$root/etc" "$root/bin" "$root/usr/share"
    chmod 1777 "$root/data" "$root/tmp"
    share=$(ls -d /usr/share/postgresql/"$(basename "$(dirname "$bin")")")
    with_libraries "$root" "$bin/postgres" "$bin/initdb" /bin/sh /bin/cp
    mkdir -p "$root$(dirname "$bin")/lib" "$root$share"
    for module in "$(dirname "$bin")"/lib/dict_snowball.so "$(dirname "$bin")"/lib/plpgsql.so; do
        with_libraries "$root" "$module"
    done
    cp -r "$share/." "$root$share"
    cp -r /usr/share/zoneinfo "$root/usr/share/"
    if [ -d /usr/lib/locale/C.utf8 ]; then
        mkdir -p "$root/usr/lib/locale"
        cp -r /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
    fi
    # Users of this machine, too: a server may run as the one that owns its folder.
    { echo 'postgres:x:70:70::/data:/bin/sh'; getent passwd postgres nobody "$(id -u)"; } >"$root/etc/passwd" || :
    cat >"$root/bin/start" <<END
#!/bin/sh
# What the official image's entrypoint does, as far as a drill needs it.
set -eu
[ "\$1" = postgres ] && shift
umask 077
data=\${PGDATA:-/data/pg}
if [ ! -s "\$data/PG_VERSION" ]; then
    printf '%s' "\$POSTGRES_PASSWORD" >/data/password
    # shellcheck disable=SC2086
    $bin/initdb -D "\$data" -U "\$POSTGRES_USER" --pwfile=/data/password --auth=scram-sha-256 \$POSTGRES_INITDB_ARGS
    printf '' >/data/password
    echo 'host all all all scram-sha-256' >>"\$data/pg_hba.conf"
fi
exec $bin/postgres -D "\$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp "\$@"
END
    chmod 755 "$root/bin/start"
    import "$root" pulp-drill/test-postgres 'ENTRYPOINT ["/bin/start"]' 'CMD ["postgres"]' 'USER 70:70'
}

minio() {
    root=$work/minio
    mkdir -p "$root/data" "$root/tmp"
    cp "$minio" "$root/minio"
    import "$root" pulp-drill/minio 'ENTRYPOINT ["/minio"]'
}

engine() {
    root=$work/engine
    mkdir -p "$root/tmp" "$root/usr/bin"
    with_libraries "$root" "$engine"
    strip -o "$root/usr/bin/pulp-drill" "$engine" 2>/dev/null || cp "$engine" "$root/usr/bin/pulp-drill"
    rm -rf "$root$engine"
    # The image's own user, not root.
    import "$root" pulp-drill/test-engine 'CMD ["pulp-drill", "standin", "engine"]' 'ENV PATH=/usr/bin' 'USER 1234:1234'
}

postgres
minio
engine
