"""One signed request to an S3 server (Signature Version 4, path style), with the standard library only.

The server and the credentials come from the environment: S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID,
S3_SECRET_ACCESS_KEY. Bodies, queries and retries are left out: nobody here needs them.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import urllib.parse
import urllib.request


def request(method: str, path: str) -> None:
    """Sends it; raises urllib.error.HTTPError when it is refused."""
    endpoint = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
    path = urllib.parse.quote(path)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    empty = hashlib.sha256(b"").hexdigest()
    signed = {"host": endpoint.netloc, "x-amz-content-sha256": empty, "x-amz-date": now}
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{empty}"
    scope = f"{now[:8]}/{os.environ['S3_REGION']}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("AWS4" + os.environ["S3_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{os.environ['S3_ACCESS_KEY_ID']}/{scope}"
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    url = f"{endpoint.scheme}://{endpoint.netloc}{path}"
    # The server is on this machine: no proxy of the environment may come between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, method=method, headers=signed), timeout=30) as answer:
        answer.read()
