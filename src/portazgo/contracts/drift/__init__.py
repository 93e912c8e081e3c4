"""What backends answer, held against what their schema says. Pure: no value of an answer leaves it."""
