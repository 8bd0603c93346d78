"""The HTTP API's contract, shared by the server, Lambda and the clients."""
