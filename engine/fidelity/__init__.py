"""`ecif evaluate fidelity`: predicted against retrained change of the validation loss, over groups of pairs."""
