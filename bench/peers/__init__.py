"""The data plane beside its peers: what `bench/data_plane.py` measures, and with what (README.md)."""
