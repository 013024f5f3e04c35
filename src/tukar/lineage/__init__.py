"""Who descends from whom: what two models' weights say of it."""
