"""A visitor's browser for server tests: it makes the widget's calls without a page."""

import hashlib
import hmac
import itertools
import json
import uuid

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from praxtalk.core.db.encryption import decrypt
from tests.sync.live_client import call_function

_addresses = itertools.count(1)


def client_id():
    return str(uuid.uuid4())


class VisitorClient:
    """The calls of the widget of a brand, as made by a visitor's browser on a page of `origin`."""

    def __init__(self, brand, origin="https://shop.example"):
        self.brand, self.origin, self.token = brand, origin, None
        self.http = Client(REMOTE_ADDR=f"10.9.{next(_addresses) // 250}.{next(_addresses) % 250}")

    def headers(self):
        headers = {"Origin": self.origin} if self.origin else {}
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    def post(self, path, body):
        return self.http.post(
            f"/widget/v1/{path}", json.dumps(body), content_type="application/json", headers=self.headers()
        )

    def get(self, path, **query):
        return self.http.get(f"/widget/v1/{path}", query, headers=self.headers())

    def start(self, **values):
        form = {"name": "Maya A.", "email": "maya@example.com", "message": "Do you ship to Addis Ababa?"}
        response = self.post("start", {"widgetId": self.brand.widget_id, "clientId": client_id()} | form | values)
        if response.status_code == 201:
            self.token = response.json()["token"]
        return response

    def send_message(self, body, **values):
        return self.post("messages", {"widgetId": self.brand.widget_id, "body": body, "clientId": client_id()} | values)

    def send_file(self, name, content, *, content_type="application/octet-stream", **fields):
        """Send a message with a file, as a multipart form."""
        file = SimpleUploadedFile(name, content, content_type)
        form = {"widgetId": self.brand.widget_id, "clientId": client_id(), "file": file} | fields
        return self.http.post("/widget/v1/messages", form, headers=self.headers())

    def file(self, pk):
        return self.get(f"attachments/{pk}", widgetId=self.brand.widget_id)

    def thread(self, **query):
        return self.get("messages", **({"widgetId": self.brand.widget_id} | query))

    def bodies(self):
        return [message["body"] for message in self.thread().json()["messages"]]

    def call_function(self, name, /, **arguments):
        """Run a live function as the visitor and return its value. Raises RequestFailed if the call is refused."""
        return call_function(name, {"visitorToken": self.token, "widgetId": self.brand.widget_id} | arguments)


def identity_of(brand, external_id="user-7", **details):
    """Return the identity that the site's server would give to its page."""
    brand.refresh_from_db()
    secret = decrypt(brand.encrypted_identity_secret)
    return {
        "id": external_id,
        "hash": hmac.new(secret.encode(), external_id.encode(), hashlib.sha256).hexdigest(),
        **details,
    }
