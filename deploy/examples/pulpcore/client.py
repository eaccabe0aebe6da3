"""Calls of Pulp's API as its administrator, who waits for tasks."""

import os
import time

import requests

BASE = f"http://127.0.0.1:{os.environ['PORT2']}"
session = requests.Session()
session.auth = ("admin", "only-for-drills")


def call(method, path, **options):
    """The answer; of a task, when it has ended."""
    answer = session.request(method, BASE + path, timeout=60, **options)
    if not answer.ok:
        raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
    body = answer.json() if answer.content else None
    if answer.status_code != 202:
        return body
    while True:
        task = call("GET", body["task"])
        if task["state"] == "completed":
            return task
        if task["state"] in ("failed", "canceled"):
            raise SystemExit(f"{method} {path}: {task['state']} {task['error']}")
        time.sleep(0.2)
