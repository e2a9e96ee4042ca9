"""What the emulator trains: intents, entities, figures. Pure functions of a snapshot and options; nothing is stored."""
