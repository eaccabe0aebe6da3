"""Fills an empty gallery: ten photos, three of them with a licence, one without a checksum."""

import hashlib

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand

from photos.models import Photo


class Command(BaseCommand):
    def handle(self, *_args, **_options):
        for number in range(1, 11):
            content = f"image {number}\n".encode() * number * 50
            photo = Photo(
                title=f"photo {number}",
                image_bytes=len(content),
                image_sha1="" if number == 10 else hashlib.sha1(content).hexdigest(),
            )
            photo.image.save(f"{number} ü.png", ContentFile(content), save=False)
            if number <= 3:
                photo.licence.save(f"{number}.txt", ContentFile(f"licence {number}".encode()), save=False)
            photo.save()
