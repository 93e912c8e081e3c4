"""What has no business of its own: ids, time, errors, paging, key wrapping, HTTP, logs. Imports nothing of Portazgo.

The modules here need no Django (the node and the command line use them); what needs it is in `kit.web`.
"""
