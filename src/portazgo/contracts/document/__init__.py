"""What partners read of a version: an OpenAPI 3.1 document, made of the compiled contract. Pure.

`building` makes the document, `operations` one operation of it, `problems` says what the gateway itself answers, and
`texts` keeps what the backend's authors wrote for themselves from partners.
"""
