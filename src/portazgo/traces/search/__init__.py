"""Looks records up in the lake's Parquet files: with DuckDB, in a process of its own (ADR 41)."""
