"""An engine that lies: a proxy in front of the stand-in engine, which it starts as its own child.

    python3 proxy.py --lie NAME --drill PATH --state DIR --psql PATH

Standard library only. HOST, PORT and the engine's whole environment come from the harness. DIR
outlives restarts: what it learns of a site (told apart by its bucket) before the loss is there
after it. `truth` and `code-in-issues` are no lies: the harness must pass them.
"""

import argparse, hashlib, hmac, http.client, http.server, json, os, pathlib, re, signal, socket
import subprocess, sys, threading, time, urllib.parse, datetime

args = argparse.ArgumentParser()
args.add_argument("--lie", required=True)
args.add_argument("--drill", required=True)
args.add_argument("--state", required=True)
args.add_argument("--psql", required=True)
args = args.parse_args()
LIE = args.lie
ENV = os.environ
STATE = pathlib.Path(args.state, ENV["S3_BUCKET"])
# The second start is the one on the restored stores.
RESTORED = STATE.exists()
STATE.mkdir(parents=True, exist_ok=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


INNER = free_port()
CHILD = subprocess.Popen([args.drill, "standin", "engine"], env={**ENV, "PORT": str(INNER)})


def end(*_):
    CHILD.terminate()
    CHILD.wait()
    os._exit(0)


signal.signal(signal.SIGTERM, end)


def orphaned():
    """Nobody left to lie to: the harness was killed, or the engine died."""
    parent = os.getppid()
    while os.getppid() == parent and CHILD.poll() is None:
        time.sleep(0.2)
    end()


threading.Thread(target=orphaned, daemon=True).start()


def forward(method, path, headers, body):
    link = http.client.HTTPConnection("127.0.0.1", INNER, timeout=60)
    headers = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length", "connection")}
    link.request(method, path, body or None, headers)
    answer = link.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def sql(text):
    url = urllib.parse.urlsplit(ENV["DATABASE_URL"])
    env = {**ENV, "PGPASSWORD": urllib.parse.unquote(url.password or "")}
    host = url.hostname or urllib.parse.parse_qs(url.query).get("host", [""])[0]
    command = [args.psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", str(url.port or 5432)]
    command += ["-U", urllib.parse.unquote(url.username), "-d", url.path.lstrip("/"), "-c", text]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def s3(method, key, body=b"", kind=""):
    """One signed request to the object store, AWS signature version 4."""
    end_point = urllib.parse.urlsplit(ENV["S3_ENDPOINT"])
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    region = ENV.get("S3_REGION", "us-east-1")
    path = "/" + ENV["S3_BUCKET"] + "/" + urllib.parse.quote(key)
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": end_point.netloc, "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(sorted(headers))
    lines = "".join(f"{k}:{headers[k]}\n" for k in sorted(headers))
    request = "\n".join([method, path, "", lines, names, digest])
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    secret = ("AWS4" + ENV["S3_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    proof = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ENV['S3_ACCESS_KEY_ID']}/{scope}, SignedHeaders={names}, Signature={proof}"
    )
    if kind:
        headers["content-type"] = kind
    link = http.client.HTTPConnection(end_point.netloc, timeout=30)
    link.request(method, path, body, headers)
    answer = link.getresponse()
    return answer.status, answer.getheader("content-type") or "", answer.read()


ROWS = STATE / "rows.json"


def remember():
    """Called before every render at the source: what a healer would put back."""
    if LIE == "heals-rows":
        ROWS.write_text(sql("select json_agg(a) from assets a"))
    if LIE == "heals-binaries":
        for key in sql("select filename from assets").split():
            status, kind, body = s3("GET", key)
            if status == 200:
                name = hashlib.sha256(key.encode()).hexdigest()
                (STATE / name).write_bytes(body)
                (STATE / (name + ".key")).write_text(json.dumps([key, kind]))


def at_start():
    """What the engine does to the stores before it says that it is ready."""
    if not RESTORED:
        return
    if LIE == "heals-rows" and ROWS.exists():
        rows = ROWS.read_text().replace("'", "''")
        sql(f"insert into assets select * from json_populate_recordset(null::assets, '{rows}') on conflict do nothing")
    if LIE == "heals-binaries":
        for file in STATE.glob("*.key"):
            key, kind = json.loads(file.read_text())
            if s3("GET", key)[0] == 404:
                s3("PUT", key, file.with_suffix("").read_bytes(), kind)
    if LIE == "deletes-rows-without-binary":
        for key in sql("select filename from assets").split():
            if s3("GET", key)[0] == 404:
                sql(f"delete from asset_versions where object_key = '{key}'; delete from assets where filename = '{key}'")
    if LIE == "sweeps-orphans":
        kept = sql("select filename from assets union select object_key from asset_versions").split()
        for key in re.findall(r"<Key>([^<]*)</Key>", s3("GET", "")[2].decode()):
            if key not in kept:
                s3("DELETE", key)
    if LIE == "adds-index":
        sql("create index healed on audit_events (id)")
    if LIE == "moves-schedules":
        sql("update schedules set next_run_at = next_run_at + interval '1 day'")
    if LIE == "rewrites-objects-at-start":
        for key in sql("select filename from assets").split():
            s3("PUT", key, s3("GET", key)[2], "application/octet-stream")
    if LIE == "blanks-audit-actor":
        sql("update audit_events set actor = null")
    if LIE == "deletes-later":
        threading.Timer(0.5, sql, ["delete from render_usage"]).start()


MISSED = False
RENDERS = 0
# What lies that depend on time, load or earlier requests know.
BEGAN = time.monotonic()
RENDERING = 0
FIRST_DATA = {}
LAST = {}
FIRST_LISTS = {}
READY = 0
READS = 0


def multipart_file(body):
    """Where the bytes of the part `file` begin and end in a multipart body."""
    at = body.index(b'name="file"')
    begin = body.index(b"\r\n\r\n", at) + 4
    return begin, body.index(b"\r\n--", begin)


def render(handler, body):
    """One render: what the engine answers, and what the lie makes of it."""
    global MISSED, RENDERS
    RENDERS += 1
    if not RESTORED:
        remember()
    asked = json.loads(body)
    if LIE == "cached-by-data":
        kept = STATE / (hashlib.sha256(body).hexdigest() + ".pdf")
        if kept.exists():
            return 200, {"content-type": "application/pdf"}, kept.read_bytes()
    if LIE == "other-text-in-one" and RESTORED and asked["template"] == "invoice":
        asked["data"]["invoiceNo"] = "INV-0000-0000"
        body = json.dumps(asked).encode()
    if LIE == "refuses-all-after-first" and MISSED:
        return 422, {"content-type": "application/json"}, refusal("ASSET_BINARY_MISSING")
    if LIE == "renders-first-data" and RESTORED:
        asked["data"] = FIRST_DATA.setdefault(asked["template"], asked.get("data"))
        body = json.dumps(asked).encode()
    if LIE == "other-text-after-a-second" and RESTORED and time.monotonic() > BEGAN + 1 and "data" in asked:
        asked["data"] = {**asked["data"], "invoiceNo": "INV-0000-0000"}
        body = json.dumps(asked).encode()
    if LIE == "unknown-version-is-newest" and RESTORED:
        asked.pop("version", None)
        body = json.dumps(asked).encode()
    if LIE == "repeats-after-many" and RESTORED and RENDERS > 8 and asked["template"] in LAST:
        return 200, {"content-type": "application/pdf"}, LAST[asked["template"]]
    if LIE == "drops-usage" and RESTORED and RENDERS > 2:
        sql("delete from render_usage where id in (select max(id) from render_usage)")
    if LIE == "dies" and RESTORED and RENDERS > 3:
        CHILD.kill()
        os._exit(1)
    if LIE == "forgets-audit" and RESTORED:
        sql("delete from audit_events where id in (select min(id) from audit_events)")
    if LIE == "renders-rewrite-audit" and RESTORED:
        sql("update audit_events set \"timestamp\" = \"timestamp\" + interval '1 s' where id in (select min(id) from audit_events)")
    if LIE == "labels-render-first-version" and RESTORED and "label" in asked:
        asked["version"] = "1.0.0"
        del asked["label"]
        body = json.dumps(asked).encode()
    global RENDERING
    RENDERING += 1
    status, headers, answer = forward("POST", handler.path, dict(handler.headers), body)
    overlaps, RENDERING = RENDERING > 1, RENDERING - 1
    good = status == 200
    if good and LIE == "mixes-overlapping" and RESTORED and overlaps and "any" in LAST:
        answer = LAST["any"]
    if good:
        LAST[asked["template"]] = LAST["any"] = answer
    if LIE == "refusal-names-another" and status == 422:
        told = json.loads(answer)
        other = sql("select filename from assets where original_name = 'warehouse.jpg'").strip()
        told["message"], told["issues"] = f"the binary {other} is missing", []
        answer = json.dumps(told).encode()
    MISSED = MISSED or b"ASSET_BINARY_MISSING" in answer
    if LIE == "cached-by-data" and good:
        kept.write_bytes(answer)
    if LIE == "fail-open-unless-watched" and not good:
        agent = (handler.headers.get("user-agent") or "").lower()
        if "drill" not in agent:
            return 200, {"content-type": "application/pdf"}, (STATE / "any.pdf").read_bytes()
    if LIE == "fail-open-unless-watched" and good:
        (STATE / "any.pdf").write_bytes(answer)
    if LIE == "fail-open-for-one" and not good and asked["template"] == "statement":
        return 200, {"content-type": "application/pdf"}, (STATE / "statement.pdf").read_bytes()
    if LIE == "fail-open-for-one" and good:
        (STATE / (asked["template"] + ".pdf")).write_bytes(answer)
    if LIE == "code-in-issues" and status == 422:
        told = json.loads(answer)
        told["issues"] = [{"path": "", "message": told.get("message", ""), "code": "ASSET_BINARY_MISSING"}]
        told.pop("code", None)
        answer = json.dumps(told).encode()
    if LIE == "wrong-status" and status == 422:
        status = 503
    if LIE == "refuses-with-200" and status == 422:
        status = 200
    if LIE == "blames-binaries" and RESTORED:
        return 422, {"content-type": "application/json"}, refusal("ASSET_BINARY_MISSING")
    if not RESTORED or not good:
        return status, headers, answer
    if LIE == "html":
        return 200, {"content-type": "text/html"}, b"<html><body>Here is your PDF</body></html>"
    if LIE == "empty":
        return 200, {"content-type": "application/pdf"}, b""
    if LIE == "no-content":
        return 204, {}, b""
    if LIE == "junk-behind":
        return 200, headers, answer + b"<!-- tracking -->" * 100
    if LIE == "redirect":
        return 302, {"location": "http://127.0.0.1:9/elsewhere.pdf"}, b""
    if LIE == "cut":
        return 200, headers, answer[: len(answer) // 2]
    return status, headers, answer


def refusal(code):
    return json.dumps({"error": "UnprocessableEntity", "message": "no", "code": code}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            status, headers, answer = self.answer(body)
        except Exception as error:  # noqa: BLE001 - a liar that breaks must not pass for one that lies
            print("proxy broke:", repr(error), getattr(error, "stderr", ""), file=sys.stderr, flush=True)
            status, headers, answer = 599, {}, b""
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        if status == 204:
            self.end_headers()
            return
        if LIE == "chunks-cut" and RESTORED and self.path.startswith("/render"):
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            half = answer[: len(answer) // 2]
            self.wfile.write(b"%x\r\n" % (len(half) + 9) + half)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def answer(self, body):
        path = self.path.split("?")[0].rstrip("/")
        if path == "/render/pdf":
            return render(self, body)
        headers = dict(self.headers)
        if LIE == "admits-any-key" and RESTORED:
            headers = {k: v for k, v in headers.items() if k.lower() != "x-api-key"}
            headers["x-api-key"] = ENV.get("API_KEY_ADMIN", "")
        global READY, READS
        if LIE == "ready-every-other-time" and RESTORED and path == "/health/ready":
            READY += 1
            if READY % 2 == 0:
                return 503, {"content-type": "application/json"}, b'{"status":"degraded"}'
        if LIE == "ignores-tenant" and RESTORED:
            headers = {k: v for k, v in headers.items() if k.lower() != "x-pulpengine-tenant-id"}
        if LIE == "saves-nothing" and RESTORED and self.command == "PUT" and re.fullmatch("/templates/[^/]+", path):
            return forward("GET", self.path, headers, b"")
        if LIE == "moves-no-label" and RESTORED and self.command in ("PUT", "POST") and "/labels" in path:
            asked = json.loads(body)
            return 200, {"content-type": "application/json"}, json.dumps(asked).encode()
        if LIE == "disables-by-reading" and RESTORED and self.command == "GET":
            READS += 1
            if READS == 8:
                sql("update schedules set enabled = false")
        if LIE == "cuts-uploads-over-1-mib" and path == "/assets/upload" and len(body) > 1 << 20:
            begin, stop = multipart_file(body)
            body = body[: begin + (1 << 20)] + body[stop:]
        if LIE == "html-of-first-version" and RESTORED and path == "/render/html":
            body = json.dumps({**json.loads(body), "version": "1.0.0"}).encode()
        if LIE == "deletes-nothing" and RESTORED and self.command == "DELETE":
            return 204, {}, b""
        if LIE == "html-placeholder" and path == "/render/html":
            status, kept, answer = forward(self.command, self.path, headers, body)
            return (200, {"content-type": "text/html"}, b"<p>a grey box</p>") if status == 422 else (status, kept, answer)
        if LIE == "stores-other-bytes" and path == "/assets/upload" and b"logo.png" in body:
            at = body.index(b"IDAT") + 20
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        status, kept, answer = forward(self.command, self.path, headers, body)
        if LIE == "lists-wrongly" and self.command == "GET" and path == "/assets":
            told = json.loads(answer)
            told["items"], told["total"] = told["items"][1:], told["total"] - 1
            answer = json.dumps(told).encode()
        if RESTORED and self.command == "GET" and status == 200:
            if LIE == "lists-frozen" and path in ("/assets", "/templates", "/audit-events"):
                answer = FIRST_LISTS.setdefault(self.path, answer)
            if LIE == "cuts-downloads" and path.startswith("/assets/") and len(answer) > 4096 and "json" not in kept.get("content-type", ""):
                answer = answer[:4096]
            if LIE == "earlier-content" and path.startswith("/assets/") and "seal" in path:
                other = sql("select object_key from asset_versions limit 1").strip()
                answer = s3("GET", other)[2] if other else answer
            if LIE == "jobs-return-first" and "/render/batch" in path and "results" in json.loads(answer or b"{}"):
                told = json.loads(answer)
                if len(told["results"] or []) and FIRST_LISTS.setdefault("job", told["results"]) != told["results"]:
                    answer = json.dumps({**told, "results": FIRST_LISTS["job"]}).encode()
            if LIE == "audit-list-empty" and path == "/audit-events":
                answer = json.dumps({**json.loads(answer), "items": [], "total": 0}).encode()
            if LIE == "details-of-another" and path.endswith("/details"):
                answer = json.dumps({**json.loads(answer), "sizeBytes": 1}).encode()
            if LIE == "versions-lack-first" and path.endswith("/versions") and path.startswith("/templates/"):
                told = json.loads(answer)
                told["items"] = [item for item in told["items"] if item["version"] != "1.0.0"]
                answer = json.dumps({**told, "total": len(told["items"])}).encode()
            if LIE == "older-definition" and re.fullmatch("/templates/[^/]+", path):
                told = json.loads(answer)
                told["definition"]["name"] = "as it was once"
                answer = json.dumps(told).encode()
            if LIE == "schedules-shown-enabled" and path == "/schedules":
                told = json.loads(answer)
                for item in told["items"]:
                    item["enabled"] = not item["enabled"]
                answer = json.dumps(told).encode()
        if LIE == "shortens-large" and RESTORED and path == "/assets/upload" and len(body) > 65536:
            key = json.loads(answer)["filename"]
            status_, kind, stored = s3("GET", key)
            s3("PUT", key, stored[:-1], kind)
        if LIE == "stores-twice" and RESTORED and path == "/assets/upload":
            forward(self.command, self.path, headers, body)
        if LIE == "undeletes-later" and RESTORED and self.command == "DELETE" and status == 204:
            sql("insert into audit_events (tenant_id, event, operation) values ('default', 'asset', 'undelete')")
        if LIE == "takes-no-writes" and RESTORED and path == "/assets/upload":
            status, answer = 500, b'{"error":"InternalServerError","message":"read-only"}'
        if LIE == "hands-out-placeholders" and RESTORED and self.command == "GET" and path.endswith(".jpg"):
            status, answer = 200, b"a grey picture"
        if LIE == "labels-first-version" and RESTORED and self.command == "GET" and path.endswith("/labels"):
            told = json.loads(answer)
            for item in told["items"]:
                item["version"] = "1.0.0"
            answer = json.dumps(told).encode()
        if LIE == "lists-first-page" and self.command == "GET" and path == "/assets":
            told = json.loads(answer)
            told["items"] = [] if told["offset"] else told["items"]
            answer = json.dumps(told).encode()
        if LIE == "names-other-key" and path == "/assets/upload" and status < 300:
            told = json.loads(answer)
            told["filename"] = "x-" + told["filename"]
            answer = json.dumps(told).encode()
        return status, kept, answer

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = any


def wait_and_serve():
    while True:
        try:
            if forward("GET", "/health/ready", {}, b"")[0] == 200:
                break
        except OSError:
            pass
        if CHILD.poll() is not None:
            sys.exit("the engine ended")
        time.sleep(0.02)
    at_start()
    server = http.server.ThreadingHTTPServer((ENV.get("HOST", "127.0.0.1"), int(ENV["PORT"])), Handler)
    server.daemon_threads = True
    server.serve_forever()


wait_and_serve()
