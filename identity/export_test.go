package identity

// OnVerify has something happen whenever verifying is about to walk the trail.
func OnVerify(s *Service, fn func()) { s.onVerify = fn }
