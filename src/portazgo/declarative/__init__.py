"""`portazgo.yaml`: the deployment as a file (docs/portazgo-yaml.md, docs/decisions/0014).

Pure: `document` (what a file may say), `judging` (what is wrong with it), `worlds` (from a document to flat terms and
back), `rules` (what a difference exposes and breaks), `planning`. `file` reads files for the command line. `state`,
`writing` and `service` stand on the nouns.
"""
