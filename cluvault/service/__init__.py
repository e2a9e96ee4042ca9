"""The CLU authoring API: protocol without I/O, client, sign-in."""
