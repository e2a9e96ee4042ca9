"""Real sample projects for the demo; README.md beside them names their source and licence."""
