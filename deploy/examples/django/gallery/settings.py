"""Settings of the gallery: rows in PostgreSQL, files in S3 below the prefix media/."""

import os

import dj_database_url

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-drills")
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["photos"]
ROOT_URLCONF = "gallery.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": dj_database_url.config()}
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
            "location": "media",
        },
    },
}
