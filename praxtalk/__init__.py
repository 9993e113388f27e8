"""PraxTalk. Importing this package imports nothing else; praxtalk/apps.py imports what the project needs."""
