"""The doctor's checks: one function each, named in `care/registry.py`; each looks at `Surroundings` and tells what it found."""
