//! YAML to Scenario.
