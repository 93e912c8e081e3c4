//! What is open around the place that is read.

use super::program::{AnswerProgram, NONE};
use super::violation::Place;

/// The member under way is one of a map.
pub(super) const OTHERS: u32 = NONE - 1;

/// An array or an object that has begun.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) form: Form,
    /// Whether something was written in it, so that a comma comes first.
    pub(super) comma: bool,
    /// The node of an array, the object of an object.
    pub(super) of: u32,
    /// The number of the item, or of the member, or `OTHERS`; `NONE` for one that is skipped.
    pub(super) member: u32,
    /// Which of the names that came last time is to come next.
    pub(super) next: u32,
    /// One bit for each of the first 64 members: it came.
    seen: u64,
    /// It came, and is not as if it were absent.
    got: u64,
    /// Where `more` begins with what came of the other members.
    more: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Array,
    Object,
    /// Its members are written into the object around it.
    Inline,
    /// Its members are kept until it ends.
    Hold,
    /// Kept, then written into the object around it.
    InlineHold,
    /// Its members are kept by the hold around it.
    Scatter,
}

const SEEN: u8 = 1;
const GOT: u8 = 2;

impl Frame {
    pub(super) fn array(node: u32) -> Self {
        // The first item makes it 0.
        Self { form: Form::Array, of: node, member: u32::MAX, ..Self::object(node, 0) }
    }

    pub(super) fn object(object: u32, more: usize) -> Self {
        Self { form: Form::Object, comma: false, of: object, member: NONE, next: 0, seen: 0, got: 0, more }
    }

    /// A member has come. Returns whether it came before.
    #[inline(always)]
    pub(super) fn mark(&mut self, member: usize, more: &mut [u8]) -> bool {
        if member < 64 {
            let bit = 1 << member;
            let before = self.seen & bit != 0;
            self.seen |= bit;
            self.got |= bit;
            return before;
        }
        let came = &mut more[self.more + member - 64];
        std::mem::replace(came, SEEN | GOT) & SEEN != 0
    }

    /// Whether one of the first 64 members came before.
    #[inline(always)]
    pub(super) fn has(&self, member: usize) -> bool {
        self.seen & (1 << member) != 0
    }

    /// A member that has come is as if it were absent.
    pub(super) fn forget(&mut self, more: &mut [u8]) {
        match self.member as usize {
            member @ 0..64 => self.got &= !(1 << member),
            member => more[self.more + member - 64] = SEEN,
        }
    }

    /// Whether one of these, a bit each, did not come.
    #[inline(always)]
    pub(super) fn lacks(&self, required: u64) -> bool {
        required & !self.got != 0
    }

    pub(super) fn got(&self, member: usize, more: &[u8]) -> bool {
        if member < 64 { self.got & (1 << member) != 0 } else { more[self.more + member - 64] & GOT != 0 }
    }

    /// The object ends: what came of its members is no longer needed.
    pub(super) fn forget_all(&self, more: &mut Vec<u8>) {
        more.truncate(self.more);
    }

    /// Add what the partner calls the place in it that is under way.
    pub(super) fn tell(&self, program: &AnswerProgram, place: &mut Place) {
        match (self.form, self.member) {
            // An array whose first item has not begun.
            (_, NONE) => {}
            (Form::Array, item) => place.push_item(item),
            (_, OTHERS) => place.push("*"),
            (_, member) => {
                let member = &program.object(self.of).members[member as usize];
                member.place.iter().for_each(|name| place.push(name));
            }
        }
    }
}

/// From where to where each slot of a hold was written.
pub(super) type Slots = Vec<Option<(usize, usize)>>;

/// What a hold keeps back.
#[derive(Debug)]
pub(super) struct Hold {
    /// What was being written to before; for the outermost hold, between two pieces, what this hold has kept.
    pub(super) around: Vec<u8>,
    pub(super) slots: Slots,
    /// Where the slot under way begins.
    pub(super) begins: usize,
    /// Kept at most.
    pub(super) bytes: usize,
}
