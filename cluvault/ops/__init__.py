"""One operation a module: read the world, ask for a plan, apply it."""
