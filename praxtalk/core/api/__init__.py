"""What every REST endpoint shares. Knows no app: a key is any object of `view.Caller`'s shape."""
