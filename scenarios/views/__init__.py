"""Pages of the demand side, by who uses them."""
