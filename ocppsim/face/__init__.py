"""The parts of `ChargePoint` that only pass on to what lies below: what a script sends, what it
answers and waits for, what it has from files."""
