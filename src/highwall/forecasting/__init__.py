"""Says, before anything is mapped, what a model's answer for new ground will be worth."""
