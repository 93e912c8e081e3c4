//! Rules for strings.

use super::Scalar;
use super::action::{Action, Replaced};
use super::format::Format;
use super::names::counted;
use super::pattern::Pattern;
use crate::transform::json::lossy;
use crate::transform::request::effort::Effort;
use crate::transform::request::problems::{Broken, Code};
use std::sync::Arc;

/// Of a body all is refused then; of parameters this is told.
const UNTOLD: &str = "Takes more work to check than is done for one request.";

#[derive(Default)]
pub(in super::super) struct TextRule {
    /// In code points.
    pub(in super::super) least: usize,
    pub(in super::super) most: Option<usize>,
    /// All of them are to be found.
    pub(in super::super) patterns: Vec<Arc<Pattern>>,
    pub(in super::super) format: Option<Format>,
    /// Sorted.
    pub(in super::super) choices: Option<Vec<Box<[u8]>>>,
    pub(in super::super) action: Action,
    /// Whether any string will do.
    pub(in super::super) is_free: bool,
}

impl TextRule {
    /// Hold a string against the rule.
    #[inline]
    pub(in super::super) fn hold(&self, content: &[u8], effort: &Effort) -> Result<Replaced<'_>, Broken> {
        if !self.is_free {
            effort.spend(content.len() as u64 / 8);
            self.check(content, effort)?;
        }
        self.action.apply(Scalar::Text(content))
    }

    fn check(&self, content: &[u8], effort: &Effort) -> Result<(), Broken> {
        if let Some(choices) = &self.choices
            && choices.binary_search_by(|choice| (**choice).cmp(content)).is_err()
        {
            return Err(Broken::new(Code::Enum, "Must be one of the values that are listed for it."));
        }
        self.check_length(content)?;
        if let Some(format) = self.format
            && !std::str::from_utf8(content).is_ok_and(|text| format.fits(text))
        {
            return Err(Broken::new(Code::Format, format.sentence()));
        }
        if self.patterns.is_empty() {
            return Ok(());
        }
        let text = lossy(content);
        if self.patterns.iter().all(|pattern| pattern.fits(&text, effort)) {
            return Ok(());
        }
        let detail = if effort.is_spent() { UNTOLD } else { "Does not match the pattern that is documented for it." };
        Err(Broken::new(Code::Pattern, detail))
    }

    fn check_length(&self, content: &[u8]) -> Result<(), Broken> {
        // A code point has one to four bytes: most lengths are decided without counting.
        let most = self.most.unwrap_or(usize::MAX);
        if content.len() <= most && content.len() >= self.least.saturating_mul(4) {
            return Ok(());
        }
        let length = content.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        if length < self.least {
            let least = counted(self.least, "character");
            return Err(Broken::new(Code::Length, format!("Must have at least {least}.")));
        }
        if length > most {
            return Err(Broken::new(Code::Length, format!("Must have at most {}.", counted(most, "character"))));
        }
        Ok(())
    }
}
