from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Model

from accounts.models import Operator
from brands.models import Brand
from integrations.models import WebhookSubscription
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db.encryption import DecryptionError, decrypt, encrypt, is_current

ENCRYPTED: list[tuple[type[Model], str]] = [
    (WebhookSubscription, "encrypted_secret"),
    (WebhookSubscription, "encrypted_second_secret"),
    (IdempotencyRecord, "body"),
    (Brand, "encrypted_identity_secret"),
    (Operator, "encrypted_totp_secret"),
]


class Command(BaseCommand):
    help = "Re-encrypt all secrets with the first key of ENCRYPTION_KEYS, so that the other keys can be removed."

    def handle(self, *args: Any, **options: Any) -> None:
        done = left = 0
        for model, field in ENCRYPTED:
            rows = model._default_manager.exclude(**{field: ""})
            for pk, encrypted in rows.order_by("pk").values_list("pk", field).iterator():
                if is_current(encrypted):
                    continue
                if self._reencrypt(model, field, pk):
                    done += 1
                else:
                    left += 1
                    self.stderr.write(
                        f"{model._meta.verbose_name} {pk}: no key in ENCRYPTION_KEYS can decrypt {field}."
                    )
        self.stdout.write(f"Re-encrypted: {done}.")
        if left:
            raise CommandError(
                f"{left} values could not be decrypted. Keep all current keys, and find the missing one."
            )

    @transaction.atomic
    def _reencrypt(self, model: type[Model], field: str, pk: Any) -> bool:
        """Encrypt one value again, under a lock on its row, so that a concurrent rotation is not undone.

        Return False if no key can decrypt the value.
        """
        row = model._default_manager.select_for_update(no_key=True).filter(pk=pk)
        try:
            for encrypted in row.values_list(field, flat=True):
                if encrypted:
                    row.update(**{field: encrypt(decrypt(encrypted))})
        except DecryptionError:
            return False
        return True
