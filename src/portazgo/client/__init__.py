"""The admin API as the CLI, the demo and the doctor use it: over HTTP, never through the database."""
