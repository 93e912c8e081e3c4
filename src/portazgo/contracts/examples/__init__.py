"""Examples of calls, put through a contract: does it still do what was written down, and what does a new version change?

`trees` compares two JSON documents, `running` puts an example through a compiled contract, `files` names examples in a folder.
"""
