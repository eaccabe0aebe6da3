#!/usr/bin/env python3
"""Measures pulp-drill and its peers on the same data, one after the other, and prints a Markdown table.

    benches/bench.py [--binary FILE] [--baseline FILE] [--rows N] [--objects N] [--object-bytes N] [--only NAME,...]

Every line holds one task: what pulp-drill takes, what the peer takes, and the ratio. Wall time and CPU time are
those of the program with its children; memory is the largest resident set of one process. Peers that are not
installed are left out. Nothing outside a temporary folder is written.
"""

import argparse, json, os, pathlib, platform, random, re, resource, shutil, signal, subprocess, sys, tempfile, time, zlib

PROFILE = """name: Bench
api: none
entities:
  photo: {table: photos, label: [file_name], binary: {key: object_key, size: bytes, sha256: sha256}}
write-order: {upload: binary-first, replace: binary-first, delete: row-first}
migrate: ["true"]
seed: [sh, seed.sh]
"""
KEYS = {"S3_ACCESS_KEY_ID": "bench", "S3_SECRET_ACCESS_KEY": "bench-secret"}


class Run:
    """One measured command."""

    def __init__(self, command, **options):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.wall, self.memory = time.monotonic() - begun, usage.ru_maxrss / 1024
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.error, self.code = error, process.returncode

    def must(self, *codes):
        if self.code not in (codes or (0,)):
            sys.exit(f"failed with {self.code}:\n{self.error[-2000:]}")
        return self


class Bench:
    def __init__(self, args):
        self.args = args
        self.binary = str(pathlib.Path(args.binary).resolve())
        self.temp = pathlib.Path(tempfile.mkdtemp(prefix="pulp-drill-bench-"))
        self.temp.chmod(0o755)
        self.running = []

    def row(self, name, ours, peer=None, peers=None):
        def shown(run):
            return f"{run.wall:.2f} s wall, {run.cpu:.2f} s CPU, {run.memory:.0f} MiB"

        ratio = f"{ours.wall / peers.wall:.2f}" if peers else ""
        self.line(name, shown(ours), f"{peer}: {shown(peers)}" if peers else "", ratio)

    def line(self, name, ours, peers, ratio):
        ratio = ratio if isinstance(ratio, str) else f"{ratio:.2f}"
        print(f"| {name} | {ours} | {peers} | {ratio} |", flush=True)

    def start(self, command, ready, **options):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options)
        self.running.append(process)
        while (line := ready(process)) is None:
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended")
            time.sleep(0.02)
        return line

    def stores(self, upload=True):
        """A private PostgreSQL and object store, filled with rows and objects that match; once for all tasks."""
        if self.running:
            return
        bin_dir = subprocess.check_output(["pg_config", "--bindir"], text=True).strip()
        if not os.path.exists(f"{bin_dir}/postgres"):
            bin_dir = str(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1])
        user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        data = self.temp / "pg"
        data.mkdir()
        if user:
            shutil.chown(data, "postgres", "postgres")
        init = [f"{bin_dir}/initdb", "-D", str(data / "data"), "-A", "trust", "-U", "bench", "--locale=C.UTF-8"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, **user)
        socket = ["-k", str(data), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "logging_collector=off"]
        self.start([f"{bin_dir}/postgres", "-D", str(data / "data"), *socket],
                   lambda _: (data / ".s.PGSQL.5432").exists() or None, **user)
        self.psql = ["psql", "-X", "-q", "-h", str(data), "-U", "bench", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
        while subprocess.run([*self.psql, "-c", "select 1"], capture_output=True).returncode:
            time.sleep(0.05)
        self.url = f"postgresql://bench@{str(data).replace('/', '%2F')}/postgres"
        env = {**os.environ, **KEYS}
        line = self.start([self.binary, "standin", "objects", "--dir", str(self.temp / "s3")],
                          lambda process: process.stdout.readline().strip() or None, env=env)
        endpoint = next(word for word in line.replace('"', " ").split() if "127.0.0.1:" in word)
        self.endpoint = endpoint if endpoint.startswith("http") else f"http://{endpoint}"
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "RCLONE_"))}
        self.env = {**own, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "DATABASE_URL": self.url, "AWS_ENDPOINT_URL": self.endpoint,
                    "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_REGION": "us-east-1",
                    "RCLONE_CONFIG": str(self.temp / "rclone.conf")}
        (self.temp / "rclone.conf").write_text(
            f"[s3]\ntype = s3\nprovider = Other\nendpoint = {self.endpoint}\naccess_key_id = bench\n"
            "secret_access_key = bench-secret\nforce_path_style = true\n")

        self.fill(upload)

    def fill(self, upload):
        rows, objects = self.args.rows, self.args.objects
        size = self.args.object_bytes
        # The number of an object, repeated: all differ, and PostgreSQL makes the same bytes.
        content = f"left(repeat(lpad(i::text, 9, '0'), {-(-size // 9)}), {size})"
        sql = f"""create table photos (id bigint primary key, file_name text, object_key text, bytes bigint,
            content_type text, sha256 text, note text, taken timestamptz default now());
            insert into photos with object as materialized (select i, encode(sha256(convert_to({content}, 'UTF8')), 'hex')
                as digest from generate_series(0, {objects} - 1) i)
            select n, 'photo ' || n, format('%s/%s.bin', lpad((i / 1000)::text, 6, '0'),
                lpad(i::text, 9, '0')), {size}, 'image/png', digest,
                repeat(md5(n::text), {self.args.row_bytes // 32})
            from generate_series(0, {rows} - 1) n join object on i = n % {objects};
            create table albums (id bigint primary key, title text); analyze photos"""
        (self.temp / "fill.sql").write_text(sql)
        subprocess.run([*self.psql, "-f", str(self.temp / "fill.sql")], check=True)
        self.folder = self.temp / "objects"
        for i in range(objects):
            folder = self.folder / f"{i // 1000:06}"
            if i % 1000 == 0:
                folder.mkdir(parents=True)
            (folder / f"{i:09}.bin").write_text((f"{i:09}" * -(-size // 9))[:size])
        if upload:
            Run(["rclone", "mkdir", "s3:photos"], env=self.env).must()
            copied = Run(["rclone", "copy", "--transfers", "16", "--no-check-dest", str(self.folder), "s3:photos"],
                         env=self.env).must()
            print(f"filled with rclone in {copied.wall:.0f} s", file=sys.stderr)

    def reconcile(self):
        profile = pathlib.Path(__file__).parent.parent / "profiles/photo-archive.yaml"
        self.stores()
        command = [self.binary, "reconcile", "s3://photos", "--profile", str(profile), "--settle", "0"]
        size = f"{self.args.rows} rows, {self.args.objects} objects"
        query = "copy (select object_key, bytes from photos order by object_key collate \"C\") to stdout"
        listing = Run(command, env=self.env).must()
        check = ["sh", "-c", f'{" ".join(self.psql)} -c \'{query}\' > {self.temp}/rows && '
                 f"rclone check {self.folder} s3:photos --size-only --one-way"]
        self.row(f"reconcile, keys and sizes, {size}", listing, "psql, rclone check --size-only",
                 Run(check, env=self.env).must())
        full = Run([*command, "--verify", "full"], env=self.env).must()
        check[2] = check[2].replace("--size-only", "--download")
        self.row(f"reconcile, all bytes, {size}", full, "psql, rclone check --download",
                 Run(check, env=self.env).must())

    def digest(self):
        """The digest of all rows on one core of the server, against a cheap checksum."""
        self.stores()
        source = (pathlib.Path(__file__).parent.parent / "src/system/postgres/tables.rs").read_text()
        query = re.search(r'const DIGEST: &str = "(.*?)";', source, re.S)[1]
        query = f"select count(*) from ({query.format(row='t', table='photos')}) x"
        one = {**self.env, "PGOPTIONS": "-c max_parallel_workers_per_gather=0"}
        ours, peer = (min((Run([*self.psql, "-c", sql], env=one).must() for _ in range(3)), key=lambda run: run.wall)
                      for sql in (query, "select count(*), sum(hashtext(t::text)) from photos t"))
        self.line(f"digest of {self.args.rows} rows, one core", f"{ours.wall:.2f} s",
                  f"count(*), sum(hashtext(t::text)): {peer.wall:.2f} s", ours.wall / peer.wall)

    def drill(self):
        """A baseline drill on an application of rows and objects, without what fills it, against its own commands."""
        self.stores()
        (self.temp / "seed.sh").write_text(
            f"psql -X -q -v ON_ERROR_STOP=1 -f {self.temp}/fill.sql\n"
            "export RCLONE_S3_ENDPOINT=$AWS_ENDPOINT_URL RCLONE_S3_PROVIDER=Other RCLONE_S3_ENV_AUTH=true\n"
            f"rclone copy --transfers 16 --no-check-dest --s3-no-check-bucket {self.folder} :s3:$BUCKET\n")
        (self.temp / "profile.yaml").write_text(PROFILE + "env: { BUCKET: \"${S3_BUCKET}\" }\n")
        root = pathlib.Path(__file__).parent.parent
        reports = self.temp / "reports"
        run = Run([self.binary, "run", str(root / "generic/any-row-lost.yaml"), "--profile", str(self.temp / "profile.yaml"),
             "--jobs", "1", "--report-dir", str(reports)], env=self.env).must()
        record = json.loads((reports / "latest/record.json").read_text())
        drill = next(s for s in record["scenarios"] if s["started"]["baseline"])
        seeding = sum(ran["ms"] for ran in drill["commands"] if ran["args"][-1:] == ["seed.sh"]) / 1e3
        steps = {step["name"]: step["ms"] / 1e3 for step in drill["steps"]}
        rows = Run(["sh", "-c", f"{' '.join(self.psql)} -c 'copy photos to stdout' >/dev/null"], env=self.env).must()
        objects = Run(["rclone", "hashsum", "sha256", "--download", "--checkers", "2", "s3:photos"],
                      env=self.env).must()
        ours, bare = drill["ms"] / 1e3 - seeding, sum(steps.values()) + rows.wall + objects.wall
        self.line(f"drill, {self.args.rows} rows, {self.args.objects} objects", f"{ours:.1f} s, {run.memory:.0f} MiB",
                  f"its commands {sum(steps.values()):.1f} s, reading both stores once "
                  f"{rows.wall + objects.wall:.1f} s", ours / bare)
        for to, command in (("aws s3 sync", ["aws", "s3", "sync", "--quiet", "s3://photos", "s3://aws"]),
                            ("rclone sync", ["rclone", "sync", "--transfers", "16", "s3:photos", "s3:rclone"]),
                            ("s5cmd sync", ["s5cmd", "--endpoint-url", self.endpoint, "sync", "s3://photos/*", "s3://s5cmd/"])):
            if shutil.which(command[0]):
                Run(["rclone", "mkdir", f"s3:{command[0]}"], env=self.env).must()
                peer = Run(command, env=self.env).must()
                self.line(f"copy of {self.args.objects} objects of {self.args.object_bytes} bytes in the store",
                          f"{steps['copy objects']:.2f} s", f"{to}: {peer.wall:.2f} s",
                          steps["copy objects"] / peer.wall)

    def restore(self):
        """Restore tests of all rows and of a hundredth of them: memory must not grow with the rows."""
        self.stores(upload=False)
        profile = self.temp / "profile.yaml"
        profile.write_text(PROFILE)
        runs = []
        for rows in (self.args.rows, max(self.args.objects, self.args.rows // 100)):
            subprocess.run([*self.psql, "-c", f"delete from photos where id >= {rows}"], check=True)
            dump = self.temp / f"{rows}.dump"
            subprocess.run(["pg_dump", "-Fc", "-Z0", "-f", str(dump), self.url], check=True)
            command = [self.binary, "restore-test", "--dump", str(dump), "--assets", str(self.folder), "--profile",
                       str(profile), "--report-dir", str(self.temp / "reports")]
            runs.append(Run(command, env=self.env).must())
            if len(runs) == 1:
                bare = Run(["sh", "-ec", f"{' '.join(self.psql)} -c 'create database bare'; pg_restore -j 2 -d "
                            f"{self.url.replace('/postgres', '/bare')} {dump}; cp -r {self.folder} {self.temp}/copied"],
                           env=self.env).must()
                self.row(f"restore test, {rows} rows, {self.args.objects} objects, dump of "
                         f"{dump.stat().st_size / 1e6:.0f} MB", runs[0], "pg_restore -j 2 and cp -r", bare)
            dump.unlink()
        large, small = runs
        self.row("the same, for its memory", large, "a hundredth of the rows", small)

    def commands(self):
        folder = self.temp / "scenarios"
        folder.mkdir()
        text = (pathlib.Path(__file__).parent.parent / "scenarios/row-lost.yaml").read_text()
        for n in range(500):
            (folder / f"row-lost-{n}.yaml").write_text(text.replace("id: row-lost", f"id: row-lost-{n}"))
        for command in (["--help"], ["list", str(folder)], ["check", str(folder)]):
            best = min((Run([self.binary, *command]).must() for _ in range(5)), key=lambda run: run.wall)
            files = ", 500 files" if len(command) > 1 else ""
            self.row(f"pulp-drill {command[0]}{files}", best)

    def pdf(self):
        """Two PDFs of 200 pages and 20 MB that differ on the last page."""
        a, b = self.temp / "a.pdf", self.temp / "b.pdf"
        for file, last in ((a, 1), (b, 2)):
            file.write_bytes(document(200, 7_800, last))
        diff = [self.binary, "pdf", "diff", str(a), str(b)]
        peer = ["qpdf", "--qdf", str(a), str(self.temp / "qdf.pdf")]
        ours, peers = (min((Run(command).must(code) for _ in range(3)), key=lambda run: run.wall)
                       for command, code in ((diff, 1), (peer, 0)))
        self.row(f"pdf diff, 200 pages, {a.stat().st_size / 1e6:.0f} MB", ours, "qpdf --qdf of one", peers)

    def suite(self):
        def one(binary):
            folder = pathlib.Path(binary).resolve().parent
            while not (folder / "scenarios").is_dir():
                folder = folder.parent
            command = [binary, "run", *self.args.scenarios, "--report-dir", str(self.temp / "reports")]
            return Run(command, cwd=folder).must(0, 1, 3)

        ours = one(self.binary)
        peer = one(str(pathlib.Path(self.args.baseline).resolve())) if self.args.baseline else None
        self.row(f"run {' '.join(self.args.scenarios) or 'all scenarios'}", ours, self.args.baseline, peer)

    def close(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGINT)
            process.wait()
        shutil.rmtree(self.temp, ignore_errors=True)


def document(pages, lines, last):
    """A PDF whose pages hold random lines of text; the last page ends with the number."""
    chance = random.Random(1)
    parts, offsets = [b"%PDF-1.7\n"], []

    def add(body):
        offsets.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))

    kids = b" ".join(b"%d 0 R" % (4 + 2 * page) for page in range(pages))
    add(b"<< /Type /Catalog /Pages 2 0 R >>")
    add(b"<< /Type /Pages /Count %d /Kids [ %s ] >>" % (pages, kids))
    add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for page in range(pages):
        text = b"".join(b"BT /F1 9 Tf %d %d Td (%032x) Tj ET\n" % (chance.randrange(600), chance.randrange(800),
                                                              chance.getrandbits(128)) for _ in range(lines // 2))
        text += b"BT /F1 9 Tf 9 9 Td (%d) Tj ET\n" % (last if page == pages - 1 else 0)
        packed = zlib.compress(text, 6)
        add(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
            % (len(offsets) + 2))
        add(b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed))
    begin = sum(map(len, parts))
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
    parts.extend(b"%010d 00000 n \n" % offset for offset in offsets)
    parts.append(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, begin))
    return b"".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/pulp-drill")
    parser.add_argument("--baseline", help="an earlier pulp-drill, in its own working copy, for the suite")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--object-bytes", type=int, default=9)
    parser.add_argument("--row-bytes", type=int, default=0, help="of text in each row")
    parser.add_argument("--only", default="commands,reconcile",
                        help="commands, digest, drill, pdf, reconcile, restore, suite")
    parser.add_argument("scenarios", nargs="*", help="for the suite: scenario files; all by default")
    args = parser.parse_args()
    bench = Bench(args)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}\n")
    print("| task | pulp-drill | peer | ratio |\n|---|---|---|---|")
    try:
        for name in args.only.split(","):
            getattr(bench, name)()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
