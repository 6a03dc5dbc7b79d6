"""What files of existing MD say: energies in any program's words, times of frames, and whether both agree with the study."""
