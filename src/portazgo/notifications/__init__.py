"""What partners and operators are told: events in an outbox, written with what they tell; webhooks that carry them."""
