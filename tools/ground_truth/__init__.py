"""Makes the ground truth in ``tests/ground_truth``: what real editors and a real server answer."""
