"""Choose a backbone by attacks on few detectors, and test the choice on attacks and seeds that it has not seen."""
