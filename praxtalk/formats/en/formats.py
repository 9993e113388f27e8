"""How the dashboard writes dates: as in ISO 8601, read the same way everywhere. Django looks here by the language's name."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
