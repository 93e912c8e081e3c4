"""The lake: records as Parquet files in the object store, and the list of the files that are part of it."""
