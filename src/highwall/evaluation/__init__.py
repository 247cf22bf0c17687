"""How good an answer is: confusion, scores and their intervals."""
