"""Long campaigns against the library: damaged input (`make fuzz`) and kills (`make kills`)."""
