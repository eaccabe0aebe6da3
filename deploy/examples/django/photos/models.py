"""Photos with an image, and with a licence document that most of them lack."""

from django.db import models


class Photo(models.Model):
    title = models.CharField(max_length=100, unique=True)
    image = models.FileField(upload_to="images/%Y/")
    licence = models.FileField(upload_to="licences/", blank=True)
    image_bytes = models.BigIntegerField()
    image_sha1 = models.CharField(max_length=40, blank=True)
