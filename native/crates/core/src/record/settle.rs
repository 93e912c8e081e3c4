//! Whether a call is billed, and whether repeating it may help. The rule looks at whose fault it was, never at a status.

use super::{BillableReason, Environment, Kind, Record};
use crate::fault::{Blame, Fault};

impl Record {
    /// Decide `retryable`, `billable` and `billable_reason` from what is known. Deciding again changes nothing.
    pub fn settle(&mut self) {
        self.billable_reason = self.reason();
        self.billable = matches!(self.billable_reason, BillableReason::Served | BillableReason::PartnerLeft);
        self.retryable = self.fault.is_some_and(|fault| fault.description().retryable && self.repeats_safely());
    }

    fn reason(&self) -> BillableReason {
        if self.kind != Kind::Request {
            return BillableReason::NotARequest;
        }
        match self.fault {
            Some(fault) => self.reason_of_failure(fault),
            None if self.route.is_none() || self.application.is_none() => BillableReason::NoOperation,
            None => self.unless_test(BillableReason::Served),
        }
    }

    fn reason_of_failure(&self, fault: Fault) -> BillableReason {
        if fault == Fault::Interrupted {
            return BillableReason::Undecided;
        }
        let what = fault.description();
        // Only an answer of the backend shows that it did the work that is billed.
        if what.billable && self.backend_status != 0 {
            return self.unless_test(BillableReason::PartnerLeft);
        }
        match what.blame {
            Blame::Partner | Blame::PartnerNetwork | Blame::Policy => BillableReason::Refused,
            Blame::Gateway | Blame::Platform => BillableReason::GatewayFault,
            Blame::Backend | Blame::BackendNetwork => BillableReason::BackendFault,
        }
    }

    fn unless_test(&self, reason: BillableReason) -> BillableReason {
        if self.environment == Environment::Live { reason } else { BillableReason::TestEnvironment }
    }

    fn repeats_safely(&self) -> bool {
        self.method.is_idempotent() || self.backend_bytes_out == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use crate::record::Method;
    use crate::time::WallTime;

    fn served() -> Record {
        let mut record = Record::request(Id([1; 16]), WallTime(1));
        record.application = Id([2; 16]);
        record.route = Id([3; 16]);
        record.environment = Environment::Live;
        record.backend_status = 200;
        record.status_sent = 200;
        record
    }

    fn verdict(change: impl FnOnce(&mut Record)) -> (bool, BillableReason) {
        let mut record = served();
        change(&mut record);
        record.settle();
        (record.billable, record.billable_reason)
    }

    #[test]
    fn a_served_call_is_billed_whatever_the_backend_said_of_it() {
        assert_eq!(verdict(|_| {}), (true, BillableReason::Served));
        assert_eq!(verdict(|record| record.status_sent = 404), (true, BillableReason::Served));
    }

    #[test]
    fn test_traffic_and_the_gateways_own_answers_are_not_billed() {
        assert_eq!(verdict(|record| record.environment = Environment::Test), (false, BillableReason::TestEnvironment));
        assert_eq!(verdict(|record| record.route = Id::NONE), (false, BillableReason::NoOperation));
    }

    #[test]
    fn whose_fault_it_was_decides() {
        let of = |fault| verdict(|record| record.fault = Some(fault));
        assert_eq!(of(Fault::Throttled), (false, BillableReason::Refused));
        assert_eq!(of(Fault::Backend5xx), (false, BillableReason::BackendFault));
        assert_eq!(of(Fault::GatewayPanic), (false, BillableReason::GatewayFault));
        assert_eq!(of(Fault::JournalUnavailable), (false, BillableReason::GatewayFault));
        assert_eq!(of(Fault::Interrupted), (false, BillableReason::Undecided));
    }

    #[test]
    fn a_partner_who_leaves_pays_only_for_work_that_was_done() {
        assert_eq!(verdict(|record| record.fault = Some(Fault::ClientAborted)), (true, BillableReason::PartnerLeft));
        let before_the_backend_answered = verdict(|record| {
            record.fault = Some(Fault::ClientAborted);
            record.backend_status = 0;
        });
        assert_eq!(before_the_backend_answered, (false, BillableReason::Refused));
    }

    #[test]
    fn a_post_that_the_backend_may_have_seen_is_not_called_retryable() {
        let retryable = |method, sent| {
            let mut record = served();
            record.fault = Some(Fault::BackendResetBeforeHeaders);
            record.method = method;
            record.backend_bytes_out = sent;
            record.settle();
            record.retryable
        };
        assert!(retryable(Method::Get, 300));
        assert!(retryable(Method::Post, 0));
        assert!(!retryable(Method::Post, 300));
    }
}
