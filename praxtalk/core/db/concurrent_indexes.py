"""Create an index in a migration without blocking writes, such that an interrupted migration can be run again."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently


class RebuildIndexConcurrently(AddIndexConcurrently):
    """As AddIndexConcurrently. It first drops an index of this name, which an interrupted run may have left, perhaps invalid."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", params=None)
        super().database_forwards(app_label, schema_editor, from_state, to_state)
