"""Live queries: a value that is sent again whenever it changes, over the sync protocol of the public `convex` clients.

A message's way: consumer.py takes it from the socket, protocol.py reads it, session.py keeps what the protocol counts,
queries.py binds each query to who asks it, watches.py and hub.py run it once for all who ask alike, calls.py runs the function
that functions.py knows. http.py offers the same functions without a socket.
"""
