"""One reader a format; each turns a file into the blocks of its article. `knowledge.importer` is the way in."""
