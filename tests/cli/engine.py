"""An engine that is none of ours, for tests: it starts the stand-in as a child and relays to it.

    engine.py PROGRAM FOLDER [relay | placeholder | deaf | orphan | chatter | quits | never]

It writes the environment that it was given to FOLDER/environment.json, once.
"""

import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading

PROGRAM, FOLDER, WAY = sys.argv[1], sys.argv[2], sys.argv[3]
BLANK = b"""%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>
endobj
"""


def blank():
    """A whole PDF with one empty page."""
    out, offsets = BLANK, [BLANK.index(b"%d 0 obj" % n) for n in (1, 2, 3)]
    table = b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"xref\n0 4\n0000000000 65535 f \n" + table
    return out + b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(BLANK)


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        upstream = http.client.HTTPConnection("127.0.0.1", INNER, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            status, data, fields = answer.status, answer.read(), answer.getheaders()
        except OSError as error:
            status, data, fields = 503, str(error).encode(), []
        if WAY == "placeholder" and status == 422 and b"ASSET_BINARY_MISSING" in data:
            status, data, fields = 200, blank(), [("Content-Type", "application/pdf")]
        self.send_response(status)
        for name, value in fields:
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = pass_on

    def log_message(self, *_):
        pass


def record():
    path = os.path.join(FOLDER, "environment.json")
    with open(path + str(os.getpid()), "w") as file:
        json.dump(dict(os.environ), file)
    os.rename(file.name, path)


record()
if WAY in ("chatter", "quits", "never"):
    for _ in range(300 if WAY == "chatter" else 3):
        for name, value in os.environ.items():
            print(name, value, "." * 60, flush=True)
if WAY == "quits":
    sys.exit("no licence for " + os.environ["API_KEY_ADMIN"])
if WAY == "never":
    print("still warming up with", os.environ["API_KEY_ADMIN"], flush=True)
    threading.Event().wait()

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    INNER = probe.getsockname()[1]
child = subprocess.Popen(
    [PROGRAM, "standin", "engine"],
    env={**os.environ, "PORT": str(INNER)},
    start_new_session=WAY == "orphan",
)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Relay)


def end(*_):
    if WAY != "orphan":
        child.terminate()
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, signal.SIG_IGN if WAY == "deaf" else end)
server.serve_forever()
