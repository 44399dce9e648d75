package bench

// placeholder
func runRetained(b *bench) error { return nil }
func runOffline(b *bench) error  { return nil }
func runStress(b *bench) error   { return nil }
