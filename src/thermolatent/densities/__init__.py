"""Models of p(z|T) with a loss, samples and a log-density; independent of files and of SPIB."""
