"""The texts that cost the service most, looked for in every part that reads texts of clients."""
