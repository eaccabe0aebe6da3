"""The readiness probe, Wagtail's administration and its documents."""

from django.http import HttpResponse
from django.urls import include, path
from wagtail.admin import urls as admin_urls
from wagtail.documents import urls as document_urls
from wagtail.images.models import Image


def ready(_request):
    Image.objects.exists()
    return HttpResponse("ok")


urlpatterns = [
    path("ready", ready),
    path("admin/", include(admin_urls)),
    path("documents/", include(document_urls)),
]
