"""The feature file: schema, writer, memory-mapped reader, build."""
