//! From one object to another: into those that are written, out of them, and on to an array's next item, as most answers go.
//! Each step is done where nothing else can come of it; whatever else there is, is left to the machine at the same place.

use super::frame::{Form, Frame};
use super::machine::{Role, State, Step};
use super::members::trimmed;
use super::program::{AnswerProgram, NONE, Node};

impl State {
    /// The value of a member that is written begins at `rest`. Returns whether it led into an object, whose first name comes next.
    #[inline(always)]
    pub(super) fn enter(&mut self, program: &AnswerProgram, rest: &mut &[u8], out: &mut Vec<u8>) -> bool {
        let (node, value) = (program.node(self.node), *rest);
        let deeper = program.base.depth - self.frames.len();
        if node.any || !matches!(self.role, Role::Plain | Role::DropNull) {
            return false;
        }
        if let Some(name) = first_name(program, node, value).filter(|_| deeper >= 1) {
            *rest = name;
            self.begin_plain(program, node.object, out);
            return true;
        }
        let [b'[', items @ ..] = value else { return false };
        if node.array == NONE || deeper < 2 {
            return false;
        }
        let item = program.node(node.array);
        let Some(name) = first_name(program, item, trimmed(items)) else { return false };
        *rest = name;
        self.open(program, out);
        out.push(b'[');
        self.frames.push(Frame::array(self.node));
        self.next(program);
        self.begin_plain(program, item.object, out);
        true
    }

    /// A member has ended before `rest`. Returns whether the way led out of its object and on to another one: to its first name,
    /// or to the comma before its next.
    #[inline(always)]
    pub(super) fn leave(&mut self, program: &AnswerProgram, rest: &mut &[u8], most: usize, out: &mut Vec<u8>) -> bool {
        let mut has_left = false;
        loop {
            // The root's end is the machine's, and so is what a hold keeps.
            let [.., around, frame] = &self.frames[..] else { return false };
            if !matches!(around.form, Form::Array | Form::Object | Form::Inline) {
                return false;
            }
            let bracket = match (trimmed(rest), frame.form) {
                ([b'}', after @ ..], Form::Object) => {
                    let object = program.object(frame.of);
                    if object.ends || frame.lacks(object.required) {
                        return false;
                    }
                    *rest = after;
                    b'}'
                }
                ([b']', after @ ..], Form::Array) => {
                    *rest = after;
                    b']'
                }
                ([b',', after @ ..], Form::Array) if out.len() < most => {
                    let item = program.node(program.node(frame.of).array);
                    let Some(name) = first_name(program, item, trimmed(after)) else { return false };
                    *rest = name;
                    self.next(program);
                    // There was room below for the item before it.
                    self.begin_plain(program, item.object, out);
                    return true;
                }
                ([b',', ..], Form::Object | Form::Inline) => return has_left && out.len() < most,
                _ => return false,
            };
            self.frames.pop();
            out.push(bracket);
            self.close(program, out).expect("no hold is around it that could have enough");
            has_left = true;
        }
    }

    /// Begin an object as `first_name` finds one.
    #[inline(always)]
    fn begin_plain(&mut self, program: &AnswerProgram, object: u32, out: &mut Vec<u8>) {
        self.open(program, out);
        out.push(b'{');
        self.frames.push(Frame::object(object, self.more.len()));
        self.step = Step::NameOrEnd;
    }
}

/// The first name of an object that is here, where all that is written of it goes out as it comes.
#[inline(always)]
fn first_name<'i>(program: &AnswerProgram, node: &Node, value: &'i [u8]) -> Option<&'i [u8]> {
    let [b'{', inner @ ..] = value else { return None };
    if node.any || node.object == NONE {
        return None;
    }
    let (object, name) = (program.object(node.object), trimmed(inner));
    let is_plain = object.hold.is_none() && object.members.len() <= 64;
    (is_plain && name.first() == Some(&b'"')).then_some(name)
}
