"""Pure decisions: functions of values that return plans. No clock, network, environment or randomness."""
