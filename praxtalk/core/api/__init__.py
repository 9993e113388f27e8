"""The base of all REST endpoints. It imports no app: an API key is any object that implements `view.AuthenticatedKey`."""
