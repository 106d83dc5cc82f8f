//! Stage 2: panes, windows, detectors and KPIs of one subject.
