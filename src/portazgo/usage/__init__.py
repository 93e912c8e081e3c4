"""The ledger: manifests of segments, their bytes, minute rollups, the ends of epochs; all in the `ledger` database."""
