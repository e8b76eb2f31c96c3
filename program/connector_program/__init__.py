"""What every program of a connector does alike: its command line, its input files, its database."""
