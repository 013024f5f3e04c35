"""What people do with a hub, one file a verb. Each composes the packages below; none knows HTTP or a terminal."""
