"""The embedded source: the public-domain CPS file inside `taxcalc`, to persons and households."""
