"""What lies in the evidence of a report beside its data: a program that checks it, and a guide."""
