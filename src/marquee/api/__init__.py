"""The HTTP API's contract, shared by the server, the Lambda and the clients."""
