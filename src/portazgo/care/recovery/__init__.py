"""`portazgo recover`: after the restore of an older database, nodes know what it lost. Revocations first, then a new history.

`testimonies` reads what nodes tell, `listening` asks those that run for it, `planning` decides what is to be done,
`carrying_out` does it in one transaction.
"""
