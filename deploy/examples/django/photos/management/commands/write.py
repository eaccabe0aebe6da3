"""A write as the site does it: upload, replace or delete. Prints the key of the object."""

import hashlib
import os
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand

from photos.models import Photo

PREFIX = "media/"


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("kind", choices=["upload", "replace", "delete"])

    def handle(self, *_args, kind, **_options):
        old = os.environ.get("WRITE_KEY", "").removeprefix(PREFIX)
        if kind == "delete":
            Photo.objects.filter(image=old).delete()
            Photo.image.field.storage.delete(old)
            return
        content = Path(os.environ["WRITE_FILE"]).read_bytes()
        photo = Photo(title=os.environ["WRITE_NAME"]) if kind == "upload" else Photo.objects.get(image=old)
        photo.image_bytes = len(content)
        photo.image_sha1 = hashlib.sha1(content).hexdigest()
        photo.image.save(os.environ["WRITE_NAME"], ContentFile(content))
        if kind == "replace":
            Photo.image.field.storage.delete(old)
        self.stdout.write(PREFIX + photo.image.name)
