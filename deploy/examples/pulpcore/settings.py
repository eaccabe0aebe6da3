"""Settings of a Pulp server: rows in PostgreSQL, artifacts in S3, no Redis."""

import os
from pathlib import Path

import dj_database_url

SECRET_KEY = "only-for-drills"
DB_ENCRYPTION_KEY = str(Path(__file__).with_name("only-for-drills.key"))
DATABASES = {"default": dj_database_url.config()}
CONTENT_ORIGIN = f"http://127.0.0.1:{os.environ.get('PORT', 80)}"
CACHE_ENABLED = False
ANALYTICS = False
MEDIA_ROOT = ""
WORKING_DIRECTORY = os.environ.get("TMPDIR", "/tmp")
FILE_UPLOAD_TEMP_DIR = WORKING_DIRECTORY
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": os.environ.get("S3_BUCKET"),
            "endpoint_url": os.environ.get("S3_ENDPOINT"),
            "region_name": os.environ.get("S3_REGION", "us-east-1"),
            "access_key": os.environ.get("S3_ACCESS_KEY_ID"),
            "secret_key": os.environ.get("S3_SECRET_ACCESS_KEY"),
            "addressing_style": "path",
            "signature_version": "s3v4",
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
