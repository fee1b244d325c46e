//! Clinical time series: formats in, three Arrow tables out (`events`, `stays`, `variables`).

pub mod config;
pub mod dataset;
