"""Runs test_client.py against the stand-in engine: rows in PostgreSQL and in files, binaries in a
bucket and in a folder; and oscal.py, junit.py and openmetrics.py on the reports of two runs.

Starts a private PostgreSQL, the embedded object store and the engine on free loopback ports, in a
temporary folder, and ends what it started, by process id, in whatever way the test ends (kill -9 leaves
the folder, and on Linux nothing else). The client is installed into a virtual environment below target/.
Needs a built pulp-drill, and Python 3.9 or newer with venv.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import s3
from packages import HERE, ROOT, TARGET, environment

PROGRAM = TARGET / "debug" / "pulp-drill"
PATIENCE = 60.0


def postgresql() -> pathlib.Path:
    """The folder of the server programs that a drill would use."""
    said = subprocess.run([PROGRAM, "doctor", "--format", "json"], capture_output=True, text=True)
    found = next(line for line in json.loads(said.stdout)["found"] if line["what"] == "PostgreSQL")
    if not found["ok"]:
        sys.exit(f"conformance: {found['todo']}")
    return pathlib.Path(found["found"].rsplit(" in ", 1)[1])


def unprivileged() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as when this runs as root, which it refuses."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ends_with_us() -> None:
    """On Linux a child gets SIGTERM when this process is gone, also after kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Site:
    """Everything that was started, and the folder it lives in."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pulp-drill-conformance-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o711)
        self.user = unprivileged()

    def start(self, name: str, command: list, env: dict[str, str], stop: signal.Signals, **more) -> subprocess.Popen:
        """Starts a server, whose output goes into a log that is shown when it ends too early."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **env}, preexec_fn=ends_with_us, start_new_session=True, **more,
            )  # fmt: skip
        self.stack.callback(self.end, child, stop)
        child.log = log
        return child

    @staticmethod
    def end(child: subprocess.Popen, how: signal.Signals) -> None:
        if child.poll() is None:
            child.send_signal(how)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    @staticmethod
    def until(what: str, child: subprocess.Popen, ready):
        """Waits until `ready` gives something, or says why it never will."""
        begun = time.monotonic()
        while True:
            answer = ready()
            if answer:
                return answer
            if child.poll() is not None or time.monotonic() - begun > PATIENCE:
                sys.exit(f"conformance: {what} did not get ready:\n{child.log.read_text(errors='replace')}")
            time.sleep(0.05)

    def listening(self, what: str, child: subprocess.Popen) -> str:
        """The address that a stand-in says it listens on."""

        def said() -> str | None:
            lines = child.log.read_text(errors="replace").splitlines(keepends=True)
            heads = [line.split()[-1] for line in lines if line.startswith("listening on ") and line.endswith("\n")]
            return heads[0] if heads else None

        return self.until(what, child, said)

    def database(self) -> str:
        """A private server with an empty, hyphenated database: its URL."""
        programs, password, port = postgresql(), secrets.token_hex(16), free_port()
        home = self.folder / "postgresql"
        home.mkdir(mode=0o700)
        secret = home / "password"
        secret.write_text(password)
        who = {}
        if self.user:
            who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
            for path in (home, secret):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        initdb = [programs / "initdb", "-D", home / "data", "-U", "drill", f"--pwfile={secret}", "-A", "scram-sha-256"]
        subprocess.run([*map(str, initdb), "--encoding=UTF8", "--locale=C", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=home, **who)
        server = [programs / "postgres", "-D", home / "data", "-k", home, "-h", "127.0.0.1", "-p", port, "-c", "fsync=off"]
        child = self.start("postgres", server, {}, signal.SIGQUIT, cwd=home, **who)
        access = {"PGPASSWORD": password, "PGUSER": "drill", "PGHOST": "127.0.0.1", "PGPORT": str(port)}
        create = [programs / "psql", "-X", "-q", "-d", "postgres", "-c", 'CREATE DATABASE "pulp-engine"']

        def created() -> bool:
            env = {**os.environ, **access}
            return subprocess.run(create, env=env, cwd="/", stderr=subprocess.DEVNULL).returncode == 0

        self.until("PostgreSQL", child, created)
        return f"postgresql://drill:{password}@127.0.0.1:{port}/pulp-engine"

    def bucket(self) -> dict[str, str]:
        """The embedded object store with an empty bucket: its variables."""
        env = {
            "S3_ACCESS_KEY_ID": secrets.token_hex(8),
            "S3_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "S3_REGION": "us-east-1",
        }
        command = [PROGRAM, "standin", "objects", "--dir", self.folder / "objects"]
        child = self.start("objects", command, env, signal.SIGTERM)
        env |= {"S3_ENDPOINT": self.listening("the object store", child), "S3_BUCKET": "assets", "S3_PATH_STYLE": "true"}
        os.environ.update(env)
        s3.request("PUT", "/assets")
        return env

    def engine(self, env: dict[str, str]) -> str:
        """A migrated engine that is ready: its URL."""
        subprocess.run([str(PROGRAM), "standin", "migrate"], check=True, env={**os.environ, **env})
        child = self.start("engine", [PROGRAM, "standin", "engine"], {**env, "PORT": "0"}, signal.SIGTERM)
        url = self.listening("the engine", child)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def ready() -> bool:
            try:
                with opener.open(f"{url}/health/ready", timeout=10) as answer:
                    return answer.status == 200
            except urllib.error.URLError:
                return False

        self.until("the engine", child, ready)
        return url


def conform(rows: str, binaries: str, python: str) -> bool:
    """Whether the client is content with the engine in one mode."""
    print(f"conformance: rows in {rows}, binaries in a {binaries}", flush=True)
    with contextlib.ExitStack() as stack:
        site = Site(stack)
        env = {"API_KEY_ADMIN": secrets.token_hex(16), "API_KEY_RENDER": secrets.token_hex(16)}
        store = {"ASSETS_DIR": str(site.folder / "assets"), "ASSET_BINARY_STORE": "filesystem"}
        if binaries == "bucket":
            store |= {"ASSET_BINARY_STORE": "s3", **site.bucket()}
        if rows == "files":
            store |= {"STORAGE_MODE": "file", "TEMPLATES_DIR": str(site.folder / "templates")}
        else:
            env["DATABASE_URL"] = site.database()
        url = site.engine({**env, **store})
        access = {
            "PULP_ENGINE_URL": url,
            "PULP_ENGINE_KEY_ADMIN": env["API_KEY_ADMIN"],
            "PULP_ENGINE_KEY_RENDER": env["API_KEY_RENDER"],
            "NO_PROXY": "127.0.0.1",
        }
        own = {**os.environ, **access, **store, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([python, str(HERE / "test_client.py")], env=own).returncode == 0


def reports(python: str) -> bool:
    """Whether OSCAL, JUnit and OpenMetrics of a run that passes and of one that fails are read by others."""
    print("conformance: reports of a run that passes and of one that fails", flush=True)
    with tempfile.TemporaryDirectory(prefix="pulp-drill-conformance-") as folder:
        run = [str(PROGRAM), "run", "--filter", "binary-missing", "--report-dir"]
        places = [pathlib.Path(folder) / name for name in ("passes", "fails")]
        for place, more, wanted in zip(places, ([], ["--defect", "fail-open"]), (0, 1)):
            done = subprocess.run([*run, str(place), *more], cwd=ROOT, capture_output=True, text=True)
            if done.returncode != wanted:
                print(f"conformance: the run ended with {done.returncode} instead of {wanted}:\n{done.stderr}")
                return False
        latest = [str(place / "latest") for place in places]
        held = subprocess.run([python, str(HERE / "oscal.py"), *latest]).returncode == 0
        held &= subprocess.run([python, str(HERE / "junit.py"), *latest]).returncode == 0
        return held and openmetrics(python, folder, latest)


def openmetrics(python: str, folder: str, runs: list[str]) -> bool:
    """Whether Prometheus's parser reads the ledger of these runs."""
    history = [str(PROGRAM), "history"]
    for run in runs:
        subprocess.run([*history, "add", run, "--ledger", folder], check=True)
    show = [*history, "show", "--ledger", folder, "--format", "openmetrics"]
    said = subprocess.run(show, check=True, capture_output=True).stdout
    return subprocess.run([python, str(HERE / "openmetrics.py")], input=said).returncode == 0


def main() -> int:
    # A signal ends this by an exception, so that everything is taken down on the way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not PROGRAM.is_file():
        sys.exit(f"conformance: {PROGRAM} is missing; build it with: cargo build --locked")
    # What the environment says about stores must not reach a private site.
    for name in [name for name in os.environ if name.startswith(("S3_", "ASSET", "API_KEY_", "PULP_STANDIN_", "PG", "STORAGE_MODE", "TEMPLATES_DIR", "DATABASE_URL", "JOB_RESULT_"))]:
        del os.environ[name]
    python = str(environment("conformance-venv", "requirements.txt") / "python")
    held = [conform(rows, binaries, python) for rows in ("PostgreSQL", "files") for binaries in ("bucket", "folder")]
    held.append(reports(python))
    held.append(subprocess.run([python, str(HERE / "client_methods.py")]).returncode == 0)
    print("conformance: held" if all(held) else "conformance: FAILED", flush=True)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
