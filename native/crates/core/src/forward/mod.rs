//! Which target is called, and whether it should be called at all: what decides. No clock, no socket.

mod balance;
mod breaker;
mod budget;
mod ejection;
mod permits;
mod policy;
mod state;
mod view;

pub(crate) use balance::turns;

pub use balance::Targets;
pub use breaker::{Admitted, Breaker, BreakerStanding};
pub use budget::Budget;
pub use ejection::Outcome;
pub use permits::{Asked, Closing, Permit, Permits, Waiting};
pub use policy::{
    Balance, BreakerPolicy, CheckPolicy, DnsPolicy, EjectionPolicy, Forwarding, Http2, PoolPolicy, RetryPolicy,
};
pub use state::{Flight, GroupState, TargetState};
pub use view::{BackendView, PoolView, TargetView};
