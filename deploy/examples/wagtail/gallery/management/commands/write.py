"""A write as the site does it: upload or delete a document. Prints the key of the object."""

import os
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from wagtail.documents.models import Document

PREFIX = "media/"


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("kind", choices=["upload", "delete"])

    def handle(self, *_args, kind, **_options):
        if kind == "delete":
            Document.objects.get(file=os.environ["WRITE_KEY"].removeprefix(PREFIX)).delete()
            return
        document = Document(title=os.environ["WRITE_NAME"])
        content = Path(os.environ["WRITE_FILE"]).read_bytes()
        document.file.save(os.environ["WRITE_NAME"], ContentFile(content), save=False)
        document._set_document_file_metadata()
        document.save()
        self.stdout.write(PREFIX + document.file.name)
