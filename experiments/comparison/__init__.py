"""The comparison of evolution with networks trained by gradients."""
