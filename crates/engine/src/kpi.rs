//! Scoring of KPIs.
