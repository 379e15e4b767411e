"""mp-national: from sources to a calibrated H5, stage by stage."""
