"""The demo: the main job once, on parts of its own."""
