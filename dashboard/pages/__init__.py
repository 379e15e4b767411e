"""One script per page: it reads the address, calls its view-model and draws what comes back."""
