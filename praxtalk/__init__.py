"""PraxTalk. Importing this package loads nothing; praxtalk/apps.py loads what the project needs."""
