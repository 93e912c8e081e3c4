//! Which target is called, and whether it should be called at all: what decides. No clock, no socket.

mod policy;

pub use policy::{
    Balance, BreakerPolicy, CheckPolicy, DnsPolicy, EjectionPolicy, Forwarding, Http2, PoolPolicy, RetryPolicy,
};
