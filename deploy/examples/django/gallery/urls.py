"""The readiness probe, and the files of photos."""

from django.http import FileResponse, HttpResponse, HttpResponseNotFound
from django.urls import path

from photos.models import Photo


def ready(_request):
    Photo.objects.exists()
    return HttpResponse("ok")


def image(_request, name):
    photo = Photo.objects.get(title=name)
    try:
        return FileResponse(photo.image.open())
    except FileNotFoundError:
        return HttpResponseNotFound()


urlpatterns = [path("ready", ready), path("photos/<str:name>", image)]
