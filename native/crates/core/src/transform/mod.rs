//! Bodies as their contract wants them: what partners see of answers, what backends get of requests.

pub mod answer;
pub mod compute;
pub mod json;
mod lanes;
pub mod percent;
pub mod request;
