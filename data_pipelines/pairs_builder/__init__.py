"""What every data set of LR/HR pairs shares: settings, features, the engine on Beam, and the builder."""
