"""Live queries: a value that is sent again whenever it changes, over the sync protocol of the public `convex` clients.

A message's way: consumer.py takes it from the socket, protocol.py reads it, session.py keeps what the protocol counts,
hub.py watches topics and runs queries, functions.py knows what can be asked. http.py offers the same functions without a
socket.
"""
