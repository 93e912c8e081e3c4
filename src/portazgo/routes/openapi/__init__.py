"""Reading an OpenAPI document (3.0 and 3.1) as far as routes need it. Pure: text in, drafts of routes out.

`reading` makes a checked tree of the text, `operations` finds the operations in it, `drafts` turns those that are
picked into routes.
"""
