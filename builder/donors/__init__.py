"""Donor integration: variables that a donor source has, imputed to the records of a frame."""
