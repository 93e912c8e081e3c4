"""Insignia issues digital credentials: a fictional company's backend with JWT at its door."""
