//! A snapshot or a page of changes on its way in, pushed in pieces as they arrive.

use super::wire::{ChangeLine, Deletion, EndLine, HeadLine, PepperBody, ResourceLine, SecurityLine, SigningKeyBody};
use crate::FEATURES;
use crate::security::Entry;
use std::collections::HashMap;

/// A line that is longer is no resource of ours.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
const FORMAT: u32 = 1;

/// A snapshot or change that this node does not accept; the one before stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Line, kind and id, member.
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
enum Form {
    Snapshot,
    Changes,
}

pub(super) enum Step {
    Put { resource: ResourceLine, revision: u64, understood: bool },
    Delete(Deletion),
}

/// Collects the lines of one snapshot or one page of changes.
pub struct Update {
    form: Form,
    partial: Vec<u8>,
    lines: u64,
    head: Option<HeadLine>,
    ended: bool,
    reached: u64,
    pub(super) steps: Vec<Step>,
    pub(super) entries: Vec<Entry>,
    wrapped: Vec<(String, String)>,
    pub(super) secrets: HashMap<String, Vec<u8>>,
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
            partial: Vec::new(),
            lines: 0,
            head: None,
            ended: false,
            reached: 0,
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
            return Err(self.refuse("the line is longer than 16 MiB"));
        }
        self.partial.extend_from_slice(piece);
        Ok(())
    }

    /// The stream has ended: was it whole?
    pub fn finish(&mut self) -> Result<(), Refused> {
        if !self.partial.is_empty() || !self.ended {
            return Err(self.refuse("the stream ends before its last line"));
        }
        let head = self.head.as_ref().ok_or_else(|| Refused::new("line 1", "the stream is empty"))?;
        if self.form == Form::Changes && self.reached != head.revision {
            return Err(self.refuse(&format!("the page says revision {} and ends at {}", head.revision, self.reached)));
        }
        Ok(())
    }

    /// What has to be unwrapped before the update can be applied: (context, wrapped text).
    pub fn wrapped(&self) -> &[(String, String)] {
        &self.wrapped
    }

    /// Hand in an unwrapped secret.
    pub fn provide(&mut self, context: String, secret: Vec<u8>) {
        self.secrets.insert(context, secret);
    }

    /// History, revision and hash that the stream leads to.
    pub fn position(&self) -> Option<(&str, u64, &str)> {
        self.head.as_ref().map(|head| (head.history.as_str(), head.revision, head.hash.as_str()))
    }

    /// The revision that the page of changes goes on from; None for a snapshot.
    pub fn from(&self) -> Option<u64> {
        match self.form {
            Form::Snapshot => None,
            Form::Changes => self.head.as_ref().and_then(|head| head.from),
        }
    }

    /// The security entries of the stream.
    pub fn security_entries(&self) -> &[Entry] {
        &self.entries
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Refused> {
        self.lines += 1;
        if self.ended {
            return Err(self.refuse("there is a line after the last"));
        }
        if self.head.is_none() {
            return self.head_line(line);
        }
        if line.starts_with(b"{\"end\"") {
            return self.end_line(line);
        }
        if line.starts_with(b"{\"security\"") {
            let entry: SecurityLine = self.parse(line)?;
            self.entries.push(entry.security);
            return Ok(());
        }
        match self.form {
            Form::Snapshot => {
                let resource = self.parse(line)?;
                let revision = self.head.as_ref().map_or(0, |head| head.revision);
                self.put(resource, revision)
            }
            Form::Changes => self.change_line(line),
        }
    }

    fn head_line(&mut self, line: &[u8]) -> Result<(), Refused> {
        let head: HeadLine = self.parse(line)?;
        if head.format != FORMAT {
            return Err(self.refuse(&format!("format {} is not one that this node knows ({FORMAT})", head.format)));
        }
        if (self.form == Form::Changes) != head.from.is_some() {
            return Err(self.refuse("a snapshot was expected and changes came, or the other way round"));
        }
        self.reached = head.from.unwrap_or(head.revision);
        self.head = Some(head);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), Refused> {
        let end: EndLine = self.parse(line)?;
        let between = self.lines - 2;
        if end.count != between {
            return Err(self.refuse(&format!("the last line counts {} lines, {between} came", end.count)));
        }
        self.ended = true;
        Ok(())
    }

    fn change_line(&mut self, line: &[u8]) -> Result<(), Refused> {
        let change: ChangeLine = self.parse(line)?;
        if change.revision != self.reached + 1 {
            return Err(self.refuse(&format!("revision {} follows {}", change.revision, self.reached)));
        }
        self.reached = change.revision;
        for resource in change.put {
            self.put(resource, change.revision)?;
        }
        self.steps.extend(change.delete.into_iter().map(Step::Delete));
        Ok(())
    }

    fn put(&mut self, resource: ResourceLine, revision: u64) -> Result<(), Refused> {
        let understood = resource.requires.iter().all(|feature| FEATURES.contains(&feature.as_str()));
        if understood {
            match resource.kind.as_str() {
                "pepper" => {
                    let body: PepperBody = self.parse_body(&resource)?;
                    self.wrapped.push((format!("pepper/{}", resource.id), body.wrapped));
                }
                "signing_key" => {
                    let body: SigningKeyBody = self.parse_body(&resource)?;
                    self.wrapped.push((format!("signing_key/{}", resource.id), body.wrapped));
                }
                _ => {}
            }
        }
        self.steps.push(Step::Put { resource, revision, understood });
        Ok(())
    }

    fn parse<'a, T: serde::Deserialize<'a>>(&self, line: &'a [u8]) -> Result<T, Refused> {
        serde_json::from_slice(line).map_err(|error| self.refuse(&error.to_string()))
    }

    fn parse_body<'a, T: serde::Deserialize<'a>>(&self, resource: &'a ResourceLine) -> Result<T, Refused> {
        serde_json::from_str(resource.body.get()).map_err(|error| {
            Refused::new(format!("line {}, {} {}", self.lines, resource.kind, resource.id), error.to_string())
        })
    }

    fn refuse(&self, why: &str) -> Refused {
        Refused::new(format!("line {}", self.lines), why)
    }
}
