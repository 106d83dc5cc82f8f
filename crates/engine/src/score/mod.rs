//! Stage 3: KPIs across subjects, and alerts.
