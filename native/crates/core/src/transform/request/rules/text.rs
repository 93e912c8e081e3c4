//! Rules for strings.

use super::Scalar;
use super::action::{Action, Replaced};
use super::format::Format;
use super::names::counted;
use super::pattern::Pattern;
use crate::transform::json::lossy;
use crate::transform::request::problems::{Broken, Code};

#[derive(Default)]
pub(in super::super) struct TextRule {
    /// In code points.
    pub(in super::super) least: usize,
    pub(in super::super) most: Option<usize>,
    pub(in super::super) pattern: Option<Pattern>,
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
    pub(super) fn hold(&self, content: &[u8]) -> Result<Replaced<'_>, Broken> {
        if !self.is_free {
            self.check(content)?;
        }
        self.action.apply(Scalar::Text(content))
    }

    fn check(&self, content: &[u8]) -> Result<(), Broken> {
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
        match &self.pattern {
            Some(pattern) if !pattern.fits(&lossy(content)) => {
                Err(Broken::new(Code::Pattern, "Does not match the pattern that is documented for it."))
            }
            _ => Ok(()),
        }
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
