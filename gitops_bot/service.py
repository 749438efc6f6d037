"""The composition root: builds the doors, hands them to the journeys, starts the ticks, closes everything."""
