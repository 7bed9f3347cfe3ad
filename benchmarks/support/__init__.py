"""What parts and scripts share: tables, times, simulated clusters, and the other sides' processes."""
