"""What claims stand on: spaces to draw from, things to wait for, instants, loopback, leaks."""
