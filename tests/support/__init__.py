"""Things tests share that are neither fixtures nor the product."""
