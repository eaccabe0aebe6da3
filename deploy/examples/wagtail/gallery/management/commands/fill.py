"""Fills an empty site: six images, of which one has a rendition, four documents and a user without an avatar."""

from io import BytesIO

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from PIL import Image as Picture
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.users.models import UserProfile


def picture(number):
    """A PNG that differs from those of other numbers."""
    file = BytesIO()
    Picture.new("RGB", (20 + number, 20), (number * 30, 0, 0)).save(file, "PNG")
    return file.getvalue()


class Command(BaseCommand):
    def handle(self, *_args, **_options):
        UserProfile.get_for_user(User.objects.create_user("editor"))
        for number in range(1, 7):
            image = Image(title=f"image {number}")
            image.file.save(f"image {number}.png", ContentFile(picture(number)), save=False)
            image.width, image.height = 20 + number, 20
            image._set_image_file_metadata()
            image.save()
            if number == 1:
                image.get_rendition("width-10")
        for number in range(1, 5):
            document = Document(title=f"document {number}")
            document.file.save(
                f"document {number}.txt", ContentFile(f"text {number}\n".encode() * number), save=False
            )
            document._set_document_file_metadata()
            document.save()
