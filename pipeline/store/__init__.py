"""The artifact store: fingerprints, complete folders, hashes of files."""
