"""What every benchmark shares: how results look as data, how to time fairly, how to show, save and compare."""
