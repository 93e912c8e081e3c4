"""Looking after an installation from its own machine: doctor, backup and restore, snapshots as files.

Unlike the nouns' commands these look at files and databases themselves (docs/decisions/0012): they must work when
nothing runs.
"""
