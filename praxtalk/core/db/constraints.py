"""Enforce tenancy in the database with foreign keys over several columns, which Django's ForeignKey cannot express."""

from typing import Any

from django.apps import apps
from django.db.backends.ddl_references import Statement
from django.db.models.constraints import BaseConstraint


class CompositeForeignKey(BaseConstraint):
    """FOREIGN KEY (fields) REFERENCES to (to_fields), checked at commit.

    fields: names of fields of this model, e.g. ("brand", "workspace").
    to: the referenced model, as "app_label.Model"; it needs a UniqueConstraint over to_fields.
    A row with NULL in one of the fields is valid (SQL's MATCH SIMPLE).
    """

    def __init__(self, *, name: str, fields: tuple[str, ...], to: str, to_fields: tuple[str, ...]) -> None:
        super().__init__(name=name)
        self.fields, self.to, self.to_fields = tuple(fields), to, tuple(to_fields)

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """Return no SQL for CREATE TABLE. `create_sql` adds the constraint later."""
        return self.create_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        """Return no SQL; add the constraint at the end of the migration, when the referenced unique constraint exists."""
        quote = schema_editor.quote_name
        target = apps.get_model(self.to)
        columns = ", ".join(quote(str(model._meta.get_field(field).column)) for field in self.fields)
        to_columns = ", ".join(quote(str(target._meta.get_field(field).column)) for field in self.to_fields)
        schema_editor.deferred_sql.append(
            Statement(
                "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY (%(columns)s) "
                "REFERENCES %(target)s (%(to_columns)s) DEFERRABLE INITIALLY DEFERRED",
                table=quote(model._meta.db_table),
                name=quote(self.name),
                columns=columns,
                target=quote(target._meta.db_table),
                to_columns=to_columns,
            )
        )
        return ""

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=schema_editor.quote_name(model._meta.db_table),
            name=schema_editor.quote_name(self.name),
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the database checks the constraint at commit."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (), kwargs | {"fields": self.fields, "to": self.to, "to_fields": self.to_fields}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompositeForeignKey) and self.deconstruct() == other.deconstruct()

    __hash__ = BaseConstraint.__hash__


def same_workspace(model: str, field: str, to: str) -> CompositeForeignKey:
    """Return a constraint: the row that `field` of `model` references must belong to the same workspace."""
    return CompositeForeignKey(
        name=f"{model}_{field}_workspace", fields=(field, "workspace"), to=to, to_fields=("id", "workspace")
    )
