"""One command a module; each module has one name, `command`."""
