"""A simulated marketplace and a simulated Discord over real sockets, and the demo that joins them."""
