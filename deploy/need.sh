#!/bin/sh
# Makes sure that the named programs are installed: installs them from the distribution on Debian and Ubuntu,
# and prints what to do elsewhere. It never changes an existing PostgreSQL cluster and creates none.
#
#   deploy/need.sh compiler postgresql python3-venv    install what is missing
#   deploy/need.sh --skipped postgresql xmllint        only print which tests will be skipped
set -eu

say() { printf 'pulp-drill: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# Whether a folder has all programs of a PostgreSQL installation, as `pulp-drill doctor` requires.
postgresql_there() {
    if [ -n "${PULP_DRILL_PG_BIN:-}" ]; then
        return 0 # chosen by the user; the drill reports it if it is not suitable
    fi
    ifs=$IFS
    IFS=:
    # shellcheck disable=SC2086 # split at colons on purpose
    set -- $PATH
    IFS=$ifs
    for folder in "$@" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        complete=yes
        for program in initdb postgres pg_dump pg_restore psql; do
            [ -x "$folder/$program" ] || complete=no
        done
        [ "$complete" = no ] || return 0
    done
    return 1
}

there() {
    case $1 in
    compiler) has cc ;;
    postgresql) postgresql_there ;;
    python3-venv) has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    chromium) has chromium || has chromium-browser || has google-chrome ;;
    *) has "$1" ;;
    esac
}

packages() {
    case $1 in
    compiler) echo gcc libc6-dev ;;
    postgresql) echo postgresql ;;
    python3-venv) echo python3 python3-venv ;;
    xmllint) echo libxml2-utils ;;
    pdftotext) echo poppler-utils ;;
    ssh-keygen) echo openssh-client ;;
    aws) echo awscli ;;
    dockerd) echo docker.io ;;
    *) echo "$1" ;;
    esac
}

why() {
    case $1 in
    compiler) echo 'a C compiler and linker: Rust links with it' ;;
    postgresql) echo 'PostgreSQL server programs: a drill starts a private server from them' ;;
    python3-venv) echo 'Python with venv: the official client of Pulp Engine and the verifiers of evidence run in a venv' ;;
    xmllint) echo 'xmllint: a test validates junit.xml with it' ;;
    pdftotext) echo 'pdftotext: a test reads the text of PDFs with a second program' ;;
    qpdf) echo 'qpdf: a test reads PDFs with a second program' ;;
    npm) echo 'npm: axe-core, which tests the accessibility of the reports, is installed with it' ;;
    chromium) echo 'chromium: tests open report.html in a real browser' ;;
    shellcheck) echo 'shellcheck: scripts are checked with it' ;;
    jq) echo "jq: a test creates the action's summary with it" ;;
    python3) echo 'python3: tests create PDFs and, with its package cryptography, verify evidence with a second program' ;;
    ssh-keygen) echo 'ssh-keygen: a test verifies signatures with it' ;;
    openssl) echo 'openssl: a test verifies an attestation with it' ;;
    aws | rclone | restic | pgbackrest) echo "$1: scenarios back up and restore with it" ;;
    dockerd | podman) echo "$1: tests start PostgreSQL, MinIO and engines in containers" ;;
    *) echo "$1" ;;
    esac
}

# As root, or with sudo. Without a terminal sudo must not ask for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

updated=no
apt_install() {
    if [ "$updated" = no ]; then
        as_root apt-get update -q >&2 || say 'apt-get update failed; continuing with the present package lists'
        updated=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

# Debian's package creates and starts a system cluster, which a drill does not use. A setting prevents this
# during the installation and is removed afterwards.
apt_install_postgresql() {
    apt_install postgresql-common || return
    settings=/etc/postgresql-common/createcluster.d
    if grep -q createcluster.d /etc/postgresql-common/createcluster.conf; then
        trap 'as_root rm -f "$settings/pulp-drill.conf"; as_root rmdir "$settings" 2>/dev/null || true' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        as_root mkdir -p "$settings"
        echo 'create_main_cluster = false' | as_root tee "$settings/pulp-drill.conf" >/dev/null
    fi
    apt_install postgresql
}

install() {
    if ! has apt-get; then
        say "missing: $(why "$1")"
        case $1 in
        postgresql)
            say 'install PostgreSQL 13 or newer, server included:'
            say '  macOS: brew install postgresql@17     Fedora, RHEL: dnf install postgresql-server postgresql'
            say 'or set PULP_DRILL_PG_BIN to the folder that contains initdb, postgres, pg_dump, pg_restore and psql'
            ;;
        compiler) say 'install a C compiler: macOS: xcode-select --install     Fedora, RHEL: dnf install gcc' ;;
        python3-venv) say 'install Python 3.9 or newer with its venv module' ;;
        *) say "install $1 with this system's package manager" ;;
        esac
        exit 1
    fi
    # shellcheck disable=SC2046 # several packages on purpose
    set -- "$1" $(packages "$1")
    what=$1
    shift
    say "installing $* from the distribution. Missing: $(why "$what")"
    if [ "$(id -u)" -ne 0 ] && ! has sudo; then
        say "this needs root, and sudo is not installed. Run as root: apt-get install $*"
        exit 1
    fi
    case $what in
    postgresql) apt_install_postgresql ;;
    *) apt_install "$@" ;;
    esac || {
        say "the installation failed. To retry by hand: apt-get install $*"
        exit 1
    }
    there "$what" || {
        say "$* was installed, but this is still missing: $(why "$what")"
        exit 1
    }
}

if ! has cargo; then
    say 'missing: cargo. Install Rust from https://rustup.rs, then open a new shell or run: . "$HOME/.cargo/env"'
    exit 1
fi
only_say=no
for wanted in "$@"; do
    case $wanted in
    --skipped) only_say=yes ;;
    *)
        if there "$wanted"; then
            :
        elif [ "$only_say" = yes ]; then
            say "skipped: tests that need a missing program: $(why "$wanted"). Package: $(packages "$wanted")"
        else
            install "$wanted"
        fi
        ;;
    esac
done
