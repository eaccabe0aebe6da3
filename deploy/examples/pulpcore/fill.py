"""Fills an empty server through Pulp's API: a repository with six files, published under their checksums."""

import hashlib

from client import call

repository = call(
    "POST",
    "/pulp/api/v3/repositories/file/file/",
    json={"name": "drill", "autopublish": True, "manifest": None},
)
for number in range(1, 7):
    content = f"package {number}\n".encode() * number * 20
    call(
        "POST",
        "/pulp/api/v3/content/file/files/",
        files={"file": content},
        data={
            "relative_path": hashlib.sha256(content).hexdigest(),
            "repository": repository["pulp_href"],
        },
    )
call(
    "POST",
    "/pulp/api/v3/distributions/file/file/",
    json={"name": "drill", "base_path": "drill", "repository": repository["pulp_href"]},
)
