"""What would break a pool, and what happens then."""
