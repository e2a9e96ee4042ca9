"""Values: the project file, the manifest, references, names."""
