"""What the service does under load: throughput, overhead, fairness, very many rows."""
