//! A snapshot or a page of changes on its way in, pushed in pieces as they arrive; each line is compiled at once.

use super::compile::{Resource, compile};
use super::wire::{Deletion, Line, ResourceLine};
use crate::secret::Secret;
use crate::security::Entry;
use std::collections::HashMap;

/// A line that is longer is no line of ours. A revision is one line however many keys it imports.
const LONGEST_LINE: usize = 256 * 1024 * 1024;
const FORMAT: u32 = 1;

/// A snapshot or change that this node does not accept; the one before stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Line, or kind, id and member.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

impl Refused {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for Refused {}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Snapshot,
    Changes,
}

/// One thing to do, in the order of the stream.
pub(super) enum Step {
    Put(Resource),
    Delete(Deletion),
}

struct Head {
    history: String,
    from: Option<u64>,
    revision: u64,
    hash: String,
}

/// Collects the lines of one snapshot or one page of changes.
pub struct Update {
    pub(super) form: Form,
    /// A check before a commit: there need be no first and last line, since hash and count aren't known yet.
    fragment: bool,
    partial: Vec<u8>,
    lines: u64,
    head: Option<Head>,
    ended: bool,
    reached: Option<u64>,
    pub(super) steps: Vec<Step>,
    entries: Vec<Entry>,
    wrapped: Vec<(String, String)>,
    secrets: HashMap<String, Secret>,
}

/// Check what is about to be committed: each resource by itself and, in a whole snapshot, what they refer to. Needs no
/// secrets, and neither the first nor the last line of a stream.
pub fn validate(lines: &[u8], changes: bool) -> Result<(), Refused> {
    let mut update = Update::new(if changes { Form::Changes } else { Form::Snapshot });
    update.fragment = true;
    update.push(lines)?;
    if !update.partial.is_empty() {
        update.push(b"\n")?;
    }
    update.check()
}

impl Update {
    /// A whole snapshot is to come.
    pub fn snapshot() -> Self {
        Self::new(Form::Snapshot)
    }

    /// A page of changes is to come.
    pub fn changes() -> Self {
        Self::new(Form::Changes)
    }

    fn new(form: Form) -> Self {
        Self {
            form,
            fragment: false,
            partial: Vec::new(),
            lines: 0,
            head: None,
            ended: false,
            reached: None,
            steps: Vec::new(),
            entries: Vec::new(),
            wrapped: Vec::new(),
            secrets: HashMap::new(),
        }
    }

    /// Take the next piece of the stream; lines may be cut anywhere.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Refused> {
        while let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
            if self.partial.is_empty() {
                self.line(&piece[..end])?;
            } else {
                self.partial.extend_from_slice(&piece[..end]);
                let line = std::mem::take(&mut self.partial);
                self.line(&line)?;
            }
            piece = &piece[end + 1..];
        }
        if self.partial.len() + piece.len() > LONGEST_LINE {
            return Err(self.refuse("the line is longer than 256 MiB"));
        }
        self.partial.extend_from_slice(piece);
        Ok(())
    }

    /// The stream has ended: was it whole?
    pub fn finish(&mut self) -> Result<(), Refused> {
        if !self.partial.is_empty() || !self.ended {
            return Err(self.refuse("the stream ends before its last line"));
        }
        let promised = self.head.as_ref().map(|head| head.revision);
        match (self.form, self.reached) {
            (Form::Changes, reached) if reached != promised => {
                let [promised, reached] = [promised, reached].map(Option::unwrap_or_default);
                Err(self.refuse(&format!("the page says revision {promised} and ends at {reached}")))
            }
            _ => Ok(()),
        }
    }

    /// What has to be unwrapped before the update can be applied: (context, wrapped text).
    pub fn wrapped(&self) -> &[(String, String)] {
        &self.wrapped
    }

    /// Hand in an unwrapped secret.
    pub fn provide(&mut self, context: String, secret: Vec<u8>) {
        self.secrets.insert(context, Secret::new(secret));
    }

    /// History, revision and hash that the stream leads to; None before its first line.
    pub fn position(&self) -> Option<(&str, u64, &str)> {
        self.head.as_ref().map(|head| (head.history.as_str(), head.revision, head.hash.as_str()))
    }

    /// The revision that the page of changes goes on from; None for a snapshot.
    pub fn from(&self) -> Option<u64> {
        self.head.as_ref().and_then(|head| head.from)
    }

    /// The security entries of the stream.
    pub fn security_entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn is_whole(&self) -> bool {
        self.ended
    }

    pub(super) fn secret(&self, context: &str) -> Option<&Secret> {
        self.secrets.get(context)
    }

    fn line(&mut self, text: &[u8]) -> Result<(), Refused> {
        self.lines += 1;
        if self.ended {
            return Err(self.refuse("there is a line after the last"));
        }
        let line: Line<'_> = serde_json::from_slice(text).map_err(|error| self.refuse(&error.to_string()))?;
        match line {
            Line {
                format: Some(format),
                history: Some(history),
                from,
                revision: Some(revision),
                hash: Some(hash),
                ..
            } => self.head_line(format, Head { history, from, revision, hash }),
            _ if self.head.is_none() && !self.fragment => {
                Err(self.refuse("the stream does not begin with its first line"))
            }
            Line { kind: Some(kind), id: Some(id), requires: Some(requires), body: Some(body), .. } => {
                self.put(&ResourceLine { kind, id, requires, body })
            }
            Line { revision: Some(revision), put: Some(put), delete: Some(delete), .. } => {
                self.change_line(revision, &put, delete)
            }
            Line { security: Some(entry), .. } => {
                self.entries.push(entry);
                Ok(())
            }
            Line { end: Some(true), count: Some(count), .. } => self.end_line(count),
            _ => Err(self.refuse("this is none of the lines that a stream has")),
        }
    }

    fn head_line(&mut self, format: u32, head: Head) -> Result<(), Refused> {
        if self.lines != 1 {
            return Err(self.refuse("a first line in the middle"));
        }
        if format != FORMAT {
            return Err(self.refuse(&format!("format {format} is not one that this node knows ({FORMAT})")));
        }
        if (self.form == Form::Changes) != head.from.is_some() {
            return Err(self.refuse("a snapshot was expected and changes came, or the other way round"));
        }
        self.reached = head.from;
        self.head = Some(head);
        Ok(())
    }

    fn end_line(&mut self, count: u64) -> Result<(), Refused> {
        let between = self.lines - 1 - u64::from(self.head.is_some());
        if count != between {
            return Err(self.refuse(&format!("the last line counts {count} lines, {between} came")));
        }
        self.ended = true;
        Ok(())
    }

    fn change_line(&mut self, revision: u64, put: &[ResourceLine<'_>], delete: Vec<Deletion>) -> Result<(), Refused> {
        if self.form == Form::Snapshot {
            return Err(self.refuse("a snapshot has no changes"));
        }
        if self.reached.is_some_and(|reached| reached.checked_add(1) != Some(revision)) {
            let reached = self.reached.unwrap_or_default();
            return Err(self.refuse(&format!("revision {revision} follows {reached}")));
        }
        self.reached = Some(revision);
        for resource in put {
            self.take(resource)?;
        }
        self.steps.extend(delete.into_iter().map(Step::Delete));
        Ok(())
    }

    fn put(&mut self, line: &ResourceLine<'_>) -> Result<(), Refused> {
        if self.form == Form::Changes && !self.fragment {
            return Err(self.refuse("among changes a resource stands in the put of a revision"));
        }
        self.take(line)
    }

    fn take(&mut self, line: &ResourceLine<'_>) -> Result<(), Refused> {
        let (resource, wrapped) = compile(line)?;
        if let Some(wrapped) = wrapped {
            self.wrapped.push((format!("{}/{}", line.kind, line.id), wrapped));
        }
        self.steps.push(Step::Put(resource));
        Ok(())
    }

    fn refuse(&self, why: &str) -> Refused {
        Refused::new(format!("line {}", self.lines), why)
    }
}
