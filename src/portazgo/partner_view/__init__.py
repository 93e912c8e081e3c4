"""What a partner may see of its own calls: the reads of `traces` and `usage`, restricted and redacted in one place."""
