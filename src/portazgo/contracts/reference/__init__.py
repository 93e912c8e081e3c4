"""The same mapping a second time: slowly, over the operators and whole documents, without views or programs.

What it gives is compared with what the data plane gives (the property test of contracts). It shares the schema's shapes and the
operators with the compiler, and nothing else.
"""
