"""Gateway nodes as the control plane sees them: tokens, contact, receipts, and what they prove; the feed's endpoints."""
