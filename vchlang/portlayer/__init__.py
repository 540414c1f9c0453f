"""What changes the world: drivers, and the engine that drives them."""
