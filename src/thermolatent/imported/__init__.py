"""Files of existing MD from other programs: energies, frame times, and checks that they agree with each other and the study."""
