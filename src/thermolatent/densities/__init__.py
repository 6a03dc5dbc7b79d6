"""Models of p(z|T): a loss, samples and a log-density. They know nothing of files or of SPIB."""
