"""The dashboard: pages over finished runs, where a person looks, decides and exports."""
