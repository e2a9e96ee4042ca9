"""The local stand-in for the CLU authoring API. Shares no code with the client."""
