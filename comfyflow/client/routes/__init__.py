"""A server's routes: the requests, and what the answers contain. Each is a method of both clients."""
