"""The routes of a server: what is asked, and what the answers hold. Each is a method of both clients."""
