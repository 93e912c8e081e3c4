"""What became of a contract between two versions, for whoever calls it. Pure.

`rules` says what each kind of change means, `shapes` and `bodies` compare JSON schemas, `contracts` compares whole versions.
"""
