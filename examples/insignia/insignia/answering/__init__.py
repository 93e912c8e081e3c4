"""Around Django: what was answered is written down, and answers can be spoilt on purpose."""
