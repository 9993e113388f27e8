"""What every table shares: ids, times, and constraints across tables."""
