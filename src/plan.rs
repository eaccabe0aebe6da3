//! Scenario to Plan: the steps in full, the clean controls.
