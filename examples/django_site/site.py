"""A Django site in one file, wrapped as its asgi.py would be: `uvicorn examples.django_site.site:application`."""

from pathlib import Path

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from personalize import PersonalizeMiddleware


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Hello</title><p class=offer>Free delivery over 50 €</p>")


urlpatterns = [path("", home)]

if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only for this example")
application = PersonalizeMiddleware(get_asgi_application(), Path(__file__).parent / "personalize.yaml")
