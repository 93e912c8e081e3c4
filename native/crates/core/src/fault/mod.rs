//! The fault catalogue, as the data plane knows it. `generated.rs` comes from one TOML file that Python and the docs read too.

#[allow(clippy::doc_markdown, reason = "sentences for people, from the catalogue")]
mod generated;

pub use generated::Fault;
use generated::TABLE;

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The partner's request.
    Partner,
    /// The way between partner and gateway.
    PartnerNetwork,
    /// A rule that the operator set.
    Policy,
    /// Portazgo itself.
    Gateway,
    /// The backend.
    Backend,
    /// The way between gateway and backend.
    BackendNetwork,
    /// What Portazgo runs on.
    Platform,
}

impl Blame {
    /// The word for documents and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::PartnerNetwork => "partner_network",
            Self::Policy => "policy",
            Self::Gateway => "gateway",
            Self::Backend => "backend",
            Self::BackendNetwork => "backend_network",
            Self::Platform => "platform",
        }
    }
}

/// What the catalogue says of a fault.
pub struct Description {
    /// Stable name.
    pub code: &'static str,
    /// What partners see; several faults may share it.
    pub public_code: &'static str,
    /// Whose move it is.
    pub blame: Blame,
    /// Where in the path.
    pub phase: &'static str,
    /// HTTP status of our own answer.
    pub status: u16,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether the call is billed although it failed (the backend worked, the way back failed).
    pub billable: bool,
    /// One sentence for the partner.
    pub partner: &'static str,
}

impl Fault {
    /// What the catalogue says of this fault.
    pub fn description(self) -> &'static Description {
        // Ids are 1, 2, 3 … without gaps (the catalogue's reader checks it; a test here too).
        &TABLE[self as usize - 1].1
    }

    /// The fault with this number, if the catalogue of this build knows it.
    pub fn from_id(id: u16) -> Option<Self> {
        TABLE.get((id as usize).checked_sub(1)?).map(|(fault, _)| *fault)
    }

    /// Stable name, for records and operators.
    pub fn code(self) -> &'static str {
        self.description().code
    }

    /// HTTP status of our own answer.
    pub fn status(self) -> u16 {
        self.description().status
    }

    /// All faults, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(fault, _)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps_and_lead_back_to_their_fault() {
        for (position, fault) in Fault::all().enumerate() {
            assert_eq!(fault as usize, position + 1);
            assert_eq!(Fault::from_id(fault as u16), Some(fault));
        }
        assert_eq!(Fault::from_id(0), None);
        assert_eq!(Fault::from_id(u16::MAX), None);
    }
}
